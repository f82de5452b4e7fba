/* The landing page's way in: a workspace's name leads to its own address. */
(() => {
  "use strict";
  document.querySelector("[data-workspace-form]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("workspace").trim().toLowerCase();
    location.assign(`${location.protocol}//${encodeURIComponent(name)}.${location.host}/sign-in/`);
  });
})();
