/* Whether the server can be reached, and the forms that wait until it can.

   navigator.onLine knows of the line alone. So the server is asked, by a question that changes nothing, while somebody fills a
   form in, and whatever gets no answer tells of it. Without doubt a form is sent by the browser, as forms are; in doubt the page
   stays with what was typed, and the form is sent when the server has answered: once, since before it nothing was. A server that
   goes while the form is on its way leads to the browser's own page; back from there, the browser has what was typed, but for
   fields with autocomplete="off".
   Public: reach {doubted(), missed(), back()}. */
(() => {
  "use strict";

  const AGAIN = 3000; // milliseconds between questions while somebody types
  const SLOW = 2000; // without an answer for so long, there is doubt
  const GIVEN_UP = 10_000;
  const PAUSES = [1000, 8000]; // the first between two questions while nobody answers, and the longest

  let lost = false; // what was asked last got no answer
  let asked = performance.now();
  let open = 0; // since when a question waits for its answer
  let sure = false; // of the form that is sent now
  let held = null; // {form, submitter}
  let told = null; // the form of which it was said
  let waiting = null;

  const doubted = () => !sure && (!navigator.onLine || lost || (open > 0 && performance.now() - open > SLOW));

  /** Whether the server answers. What stands before it answers 502, 503 or 504 where there is none. */
  async function ask() {
    asked = performance.now();
    open ||= asked;
    try {
      const { status } = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(GIVEN_UP) });
      lost = status >= 502 && status <= 504;
    } catch {
      lost = true;
    }
    open = 0;
    return !lost;
  }

  /** Resolves when the server answers. */
  function back() {
    waiting ??= (async () => {
      for (let pause = PAUSES[0]; !(await ask()); pause = Math.min(2 * pause, PAUSES[1])) {
        await new Promise((go) => { setTimeout(go, pause); addEventListener("online", go, { once: true }); });
      }
      waiting = null;
    })();
    return waiting;
  }

  const banner = document.getElementById("offline");
  const online = () => { if (banner) banner.hidden = navigator.onLine; };
  addEventListener("online", online);
  addEventListener("offline", online);
  online();

  for (const kind of ["focusin", "input"]) {
    document.addEventListener(kind, (event) => {
      const form = event.target.form ?? event.target.closest?.("form");
      if (form?.getAttribute("method") === "post" && performance.now() - asked > AGAIN) ask();
    });
  }
  document.addEventListener("htmx:sendError", () => { lost = true; });

  const elsewhere = (address) => address !== null && new URL(address, location.href).origin !== location.origin;

  addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    const given = (name) => submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name);
    if (event.defaultPrevented || !doubted() || given("method") === "dialog" || elsewhere(given("action"))) return;
    event.preventDefault();
    const waits = held;
    held = { form, submitter };
    if (!waits) release();
    else if (told) tell();
  });
  // Who left the page took its form back. Asked on return: a listener of `pagehide` holds up whoever closes a window in mid-way.
  addEventListener("pageshow", ({ persisted }) => { if (persisted) held = told = null; });
  document.addEventListener("close", ({ target: box }) => { // who closes the dialog takes it back
    if (held?.form.closest("dialog") === box) held = told = null;
    for (const line of box.querySelectorAll("[data-held]")) line.remove();
  }, true);

  /** Send what is held as it then stands, when the server answers. */
  async function release() {
    if (!(await ask())) {
      tell();
      await back();
    }
    const { form, submitter } = held ?? {};
    held = told = null;
    if (!form?.isConnected) return;
    sure = true;
    form.dataset.confirmed = "1"; // it was asked before
    form.requestSubmit(submitter?.isConnected ? submitter : null);
    delete form.dataset.confirmed;
    sure = false;
  }

  /** Say that the form waits: where the form does so by itself, in its dialog, or in the corner. */
  function tell() {
    if (!held) return;
    const { form } = held;
    const words = gettext("The server cannot be reached. What you entered stays on this page and is sent as soon as the connection is back.");
    const unsaid = form.dispatchEvent(new CustomEvent("held", { cancelable: true, detail: words }));
    if (unsaid && told !== form) (form.closest("dialog[open]") ? sayIn : toast)(words, "warning", form);
    told = form;
  }

  /** A dialog lies over the toasts. */
  function sayIn(words, _, form) {
    const line = Object.assign(document.createElement("p"), { className: "field__error" });
    line.setAttribute("role", "alert");
    line.dataset.held = "";
    line.append(tenantry.icon("wifi-off"), words);
    (form.querySelector(".dialog__body") ?? form).append(line);
  }

  window.reach = Object.freeze({ doubted, missed: () => { lost = true; }, back });
})();
