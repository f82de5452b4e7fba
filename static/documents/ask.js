/* Ask: Enter sends, suggestions fill the box, the chooser filters, failures show in place. */
(() => {
  "use strict";

  const form = document.querySelector("[data-ask]");
  if (!form) return;
  const question = form.querySelector("textarea");
  const label = form.querySelector("[data-scope-label]");
  const boxes = [...form.querySelectorAll('[name="document"]')];

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

  const filter = form.querySelector("[data-scope-filter]");
  const collection = form.querySelector("[data-scope-collection]");

  /** Show the documents of the collection whose names hold what was typed; others are not asked. */
  function narrow() {
    const wanted = filter?.value.trim().toLocaleLowerCase() ?? "";
    for (const item of form.querySelectorAll("[data-scope-item]")) {
      const inside = !collection?.value || item.dataset.collections.split(" ").includes(collection.value);
      if (!inside) item.querySelector("input").checked = false;
      item.hidden = !inside || !item.textContent.toLocaleLowerCase().includes(wanted);
    }
  }

  function tell() {
    const chosen = boxes.filter((box) => box.checked).length;
    const all = collection?.selectedOptions[0]?.text ?? gettext("All documents");
    label.textContent = chosen ? ngettext("{n} chosen document", "{n} chosen documents", chosen, { n: chosen }) : all;
  }

  filter?.addEventListener("input", narrow);
  filter?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  form.addEventListener("change", () => { narrow(); tell(); });
  narrow();

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
