/* A form that the browser itself sends is sent by one click, however often it is clicked: the second would throw the answer to
   the first away, with a secret or recovery codes in it that are shown once. Where the page stays, as under a file that is
   answered, the form can be sent again after a while. Forms that a script sends are that script's. */
(() => {
  "use strict";

  const AGAIN = 10_000; // milliseconds
  let sent = null; // the form that is on its way

  function over() {
    sent?.removeAttribute("aria-busy");
    sent = null;
  }

  addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    const given = (name) => submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name);
    if (event.defaultPrevented || given("method") !== "post" || given("target")) return;
    if (form === sent) return void event.preventDefault();
    over();
    sent = form;
    form.setAttribute("aria-busy", "true");
    setTimeout(() => { if (form === sent) over(); }, AGAIN);
  });
  addEventListener("pageshow", over); // gone back to
})();
