// Ask for the meters again while somebody looks at them: answers in other windows move them too.
const EVERY = 4000;
const meters = document.getElementById("meters");

function look() {
  if (document.visibilityState === "visible") {
    htmx.trigger(meters, "usage:look");
  }
}

setInterval(look, EVERY);
document.addEventListener("visibilitychange", look);
