/* A form that the browser itself sends is sent by one click: another would throw the first answer away, with a secret or recovery
   codes that are shown once. Where the page stays, as under a file that is answered, it can be sent again after a while. */
(() => {
  "use strict";

  let sent = null;

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
    setTimeout(() => { if (form === sent) over(); }, 10_000);
  });
  addEventListener("pageshow", over); // gone back to
})();
