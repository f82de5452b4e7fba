/* The search page: search as one types, and move through the results with the arrow keys. */
(() => {
  "use strict";

  const PAUSE = 180; // milliseconds without a key before a search
  const BY_ITSELF = 3; // so often in a row it is searched for again unasked

  const form = document.querySelector("[data-search]");
  if (!form) return;
  const field = form.elements.q;
  const found = document.querySelector("[data-found]");
  const links = () => [...found.querySelectorAll("[data-result]")];

  let waiting = 0;
  let sent = field.value.trim();

  /** Search for what stands in the field, once; a single letter waits, an empty field clears. */
  function typed() {
    const query = field.value.trim();
    if (query === sent || query.length === 1) return; // one letter says nothing yet
    sent = query;
    htmx.trigger(form, "typed");
  }

  field.addEventListener("input", (event) => {
    clearTimeout(waiting);
    if (!event.isComposing) waiting = setTimeout(typed, PAUSE);
  });
  field.addEventListener("change", (event) => event.stopPropagation()); // typing has searched already
  form.addEventListener("submit", () => {
    clearTimeout(waiting);
    sent = field.value.trim();
  });

  /* A search without an answer: that is said where its results would be, and what was typed stays. It is searched for again
     by the button, by typing or Enter, and by itself when the server answers. */

  let failures = 0;

  async function failed(event) {
    const status = event.detail.xhr?.status ?? 0;
    sent = null; // the same words are searched for again
    if (status && status < 502) return; // the server said why
    event.preventDefault();
    const told = document.querySelector("[data-search-unanswered]").content.cloneNode(true);
    told.querySelector("strong").textContent = event.type === "htmx:timeout" ? gettext("That took too long. Try again.") : tenantry.problem(status);
    const box = told.firstElementChild;
    found.replaceChildren(told);
    failures += 1;
    if (failures > BY_ITSELF) return void box.querySelector("p").remove(); // it is not, any more
    await reach.back();
    if (box.isConnected) again();
  }

  function again() {
    sent = field.value.trim();
    htmx.trigger(form, "typed");
  }

  for (const kind of ["sendError", "timeout", "responseError"]) form.addEventListener(`htmx:${kind}`, failed);
  form.addEventListener("htmx:beforeOnLoad", (event) => { if (event.detail.xhr.status < 400) failures = 0; });
  found.addEventListener("click", (event) => { if (event.target.closest("[data-search-again]")) { failures = 0; again(); } });

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const all = links();
    const at = all.indexOf(document.activeElement);
    const inField = document.activeElement === field;
    if (!inField && at < 0) return;
    if (event.key === "ArrowDown" && all.length) {
      event.preventDefault();
      all[Math.min(at + 1, all.length - 1)].focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      event.preventDefault();
      (all[at - 1] ?? field).focus();
    } else if (event.key === "Escape" && at >= 0) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Enter" && inField && all.length && field.value.trim() === sent) {
      event.preventDefault();
      all[0].click();
    }
  });
})();
