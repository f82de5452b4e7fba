/* Choosing rows and doing something to all of them, asked first. */
(() => {
  "use strict";
  const NAMED = 3;

  for (const select of document.querySelectorAll("[data-autosubmit]")) select.addEventListener("change", () => select.form.requestSubmit());

  const form = document.getElementById("bulk");
  const rows = document.getElementById("rows");
  if (!form || !rows) return;
  const count = form.querySelector("[data-bulk-count]");
  const every = document.querySelector("[data-bulk-all]");
  const most = Number(form.dataset.most);
  const boxes = () => [...rows.querySelectorAll('input[name="document"]')];
  const chosen = () => boxes().filter((box) => box.checked);

  function tell() {
    const number = chosen().length;
    form.hidden = number === 0;
    count.textContent = number > most
      ? gettext("{n} documents chosen; at most {most} at once", { n: number, most })
      : ngettext("{n} document chosen", "{n} documents chosen", number, { n: number });
    for (const button of form.querySelectorAll('button[name="action"]')) button.disabled = number > most;
    every.checked = number > 0 && number === boxes().length;
    every.indeterminate = number > 0 && !every.checked;
  }

  function all(on) {
    for (const box of boxes()) box.checked = on;
    tell();
  }

  /** Several documents' names, of many the first; nothing for one, which the question names. */
  function listed(names) {
    if (names.length < 2) return "";
    const shown = names.slice(0, NAMED).map((name) => gettext("“{name}”", { name })).join(", ");
    const n = names.length - NAMED;
    return n > 0 ? ngettext("{names} and {n} other.", "{names} and {n} others.", n, { n, names: shown }) : `${shown}.`;
  }

  /** What the confirmation says depends on the button and on where the documents go. */
  form.addEventListener("click", (event) => {
    const button = event.target.closest('button[name="action"]');
    if (!button) return;
    const names = chosen().map((box) => box.closest("tr").dataset.name);
    const n = names.length;
    delete form.dataset.confirmDanger;
    delete form.dataset.confirm;  // tags are put on and taken off without being asked about
    if (button.value === "delete") {
      form.dataset.confirm = n === 1 ? gettext("Delete “{name}”?", { name: names[0] }) : ngettext("Delete {n} document?", "Delete {n} documents?", n, { n });
      form.dataset.confirmText = `${listed(names)} ${ngettext("It disappears from search, answers and storage at once. This cannot be undone.", "They disappear from search, answers and storage at once. This cannot be undone.", n)}`.trim();
      form.dataset.confirmAction = gettext("Delete");
      form.dataset.confirmDanger = "";
    } else if (button.value === "move") {
      const to = form.elements.collection.selectedOptions[0];
      form.dataset.confirm = n === 1 ? gettext("Move “{name}”?", { name: names[0] }) : ngettext("Move {n} document?", "Move {n} documents?", n, { n });
      form.dataset.confirmText = `${listed(names)} ${to.value ? gettext("From now on whoever may read “{collection}” reads them.", { collection: to.text }) : gettext("From now on everybody in this workspace reads them.")}`.trim();
      form.dataset.confirmAction = gettext("Move");
    }
  });

  // With Shift, a click chooses or leaves everything from the row clicked before to this one.
  let before = null;
  rows.addEventListener("click", (event) => {
    const box = event.target.closest?.('input[name="document"]');
    if (!box) return;
    const [from, to] = [boxes().indexOf(before), boxes().indexOf(box)].sort((one, other) => one - other);
    if (event.shiftKey && from >= 0) for (const each of boxes().slice(from, to + 1)) each.checked = box.checked;
    before = box;
    tell();
  });

  // Once sent, a second click sends nothing: the answer is another page.
  form.addEventListener("submit", (event) => {
    try { sessionStorage.refused = JSON.stringify([chosen().map((box) => box.value), form.elements.tags.value]); } catch { /* no storage */ }
    if (!form.dataset.confirmed) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  addEventListener("pageshow", () => { delete form.dataset.sent; tell(); });

  form.querySelector("[data-bulk-none]").addEventListener("click", () => all(false));
  every.addEventListener("change", () => all(every.checked));
  rows.addEventListener("change", tell);
  document.addEventListener("htmx:afterSwap", tell);
  new MutationObserver(tell).observe(rows, { childList: true });

  /** Where the answer is a refusal, what was chosen and typed is there still. */
  try {
    const [ids = [], tags = ""] = JSON.parse(sessionStorage.refused ?? "[]");
    delete sessionStorage.refused;
    if (document.querySelector(".toast--warning")) {
      for (const box of boxes()) box.checked ||= ids.includes(box.value);
      form.elements.tags.value ||= tags;
    }
  } catch { /* no storage */ }
  tell();
})();
