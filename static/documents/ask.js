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

  form.querySelector("[data-scope-filter]")?.addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLocaleLowerCase();
    for (const item of form.querySelectorAll("[data-scope-item]")) {
      item.hidden = !item.textContent.toLocaleLowerCase().includes(wanted);
    }
  });
  form.querySelector("[data-scope-filter]")?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });

  form.addEventListener("change", () => {
    const chosen = boxes.filter((box) => box.checked).length;
    label.textContent = chosen ? `${chosen} chosen document${chosen > 1 ? "s" : ""}` : "All documents";
  });

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
