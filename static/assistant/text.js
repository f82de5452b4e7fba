/* A kept text: Copy takes it as an answer is copied. */
(() => {
  "use strict";

  const text = document.querySelector("[data-text]");
  const button = document.querySelector("[data-copy-text]");
  if (!text || !button) return;
  button.hidden = false;
  button.addEventListener("click", () => window.copying.put(text).then(
    () => toast(gettext("Copied"), "success"),
    () => toast(gettext("The browser did not allow copying. Select the text and copy it yourself."), "warning"),
  ));
})();
