/* Each block of code in an answer gets a button that copies it, where an answer is written and where it is read.
   Public: codeCopies(root), for answers that come later. */
(() => {
  "use strict";

  window.codeCopies = (root) => {
    for (const block of root.querySelectorAll("[data-answer] pre")) {
      if (block.querySelector(".code-copy")) continue;
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button button--quiet code-copy", textContent: gettext("Copy") });
      button.setAttribute("aria-label", gettext("Copy the code"));
      button.dataset.copyCode = "";
      block.append(button);
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy-code]");
    if (!button) return;
    const code = button.closest("pre").querySelector("code").textContent;
    navigator.clipboard.writeText(code).then(
      () => toast(gettext("Copied"), "success"),
      () => toast(gettext("The browser did not allow copying. Select the code and copy it yourself."), "warning"),
    );
  });

  window.codeCopies(document);
})();
