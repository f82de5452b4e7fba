// Ask for the meters again while somebody looks at them: answers in other windows move them too.
const EVERY = 4000;
const meters = document.getElementById("meters");

function look() {
  if (document.visibilityState === "visible") {
    htmx.trigger(meters, "usage:look");
  }
}

// Where the chart is wider than the screen, its newest bars are to be seen, not its oldest.
function newest() {
  const chart = document.querySelector(".usage-chart");
  const last = [...(chart?.querySelectorAll(".chart__bar") ?? [])].findLast((bar) => Number(bar.getAttribute("height")) > 0);
  if (!last || chart.scrollWidth <= chart.clientWidth) return;
  chart.scrollLeft += Math.max(0, last.getBoundingClientRect().right + 24 - chart.getBoundingClientRect().right);
}

newest();
setInterval(look, EVERY);
document.addEventListener("visibilitychange", look);
