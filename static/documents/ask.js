/* Ask: Enter sends, suggestions fill the box, the chooser filters, failures show in place. */
(() => {
  "use strict";

  const form = document.querySelector("[data-ask]");
  if (!form) return;
  const question = form.querySelector("textarea");
  const label = form.querySelector("[data-scope-label]");

  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!form.querySelector("button[type=submit]").disabled) form.requestSubmit();
  });

  document.querySelector("[data-suggestions]")?.addEventListener("click", (event) => {
    const button = event.target.closest("[data-suggestion]");
    if (!button) return;
    question.value = button.textContent;
    form.requestSubmit();
  });

  const collection = form.querySelector("[data-scope-collection]");

  function tell() {
    const chosen = form.querySelectorAll('[name="document"]:checked').length;
    const all = collection?.selectedOptions[0]?.text ?? gettext("All documents");
    label.textContent = chosen ? ngettext("{n} chosen document", "{n} chosen documents", chosen, { n: chosen }) : all;
  }

  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.name === "find") event.preventDefault();
  });
  form.addEventListener("change", tell);
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.matches("[data-choices]")) tell(); });

  const answers = document.getElementById("answers");

  /** What was answered on this page comes back with it. */
  function recall() {
    const had = tenantry.kept.get("answers");
    if (!had || answers.querySelector("[data-answer]")) return;
    answers.innerHTML = had; // as the server sent it
    htmx.process(answers);
    document.querySelector("[data-suggestions]")?.remove();
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target === answers) tenantry.kept.set("answers", answers.innerHTML);
  });
  recall();

  // A refusal comes as a fragment that says what to do; it belongs among the answers.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.getResponseHeader("X-Fragment") === null) return;
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "answers") return;
    document.querySelector("[data-suggestions]")?.remove();
    if (event.detail.xhr.status === 200) question.select();
  });
})();
