/* The viewer: brings the cited passage or the asked page into view, and jumps between pages. */
(() => {
  "use strict";

  const reader = document.getElementById("reader");
  if (!reader) return;

  /** Show the passage in the middle of the reader, and read it out first. */
  function showPassage() {
    const passage = document.getElementById("passage");
    if (!passage) return false;
    passage.scrollIntoView({ block: "center" });
    passage.focus({ preventScroll: true });
    return true;
  }

  function showPage(number) {
    const page = document.getElementById(`page-${number}`);
    if (!page) return false;
    page.scrollIntoView({ block: "start" });
    return true;
  }

  document.querySelector("[data-page-jump]")?.addEventListener("submit", (event) => {
    const number = Number(new FormData(event.target).get("page"));
    const page = document.getElementById(`page-${number}`);
    // A page whose text is still away is opened by the server, with its neighbours.
    if (page && !page.matches(".document__page--away") && showPage(number)) event.preventDefault();
  });

  if (!showPassage()) {
    const wanted = new URLSearchParams(location.search).get("page");
    if (wanted) showPage(Number(wanted));
  }
})();
