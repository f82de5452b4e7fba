/* The search page: search as one types, and move through the results with the arrow keys. */
(() => {
  "use strict";

  const PAUSE = 180; // milliseconds without a key before a search

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
