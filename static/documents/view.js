/* The viewer: brings the cited passage or the asked page into view, jumps between pages, zooms. */
(() => {
  "use strict";

  const reader = document.getElementById("reader");
  if (!reader) return;
  const paper = reader.querySelector("[data-zoom]");
  const STEPS = [50, 75, 100, 125, 150, 200, 300];
  const KEPT = "tenantry.zoom";

  /** Show the passage in the middle of the reader, and read it out first. */
  function showPassage() {
    const passage = document.getElementById("passage");
    if (!passage) return false;
    (reader.querySelector("[data-mark]") ?? passage).scrollIntoView({ block: "center", inline: "center" });
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

  /* The number of the page that is read now, in the field that jumps. */
  const field = document.getElementById("page-number");
  if (field && "IntersectionObserver" in window) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting && document.activeElement !== field) field.value = entry.target.id.replace("page-", "");
      }
    }, { root: reader, rootMargin: "-45% 0px -45% 0px" });
    for (const page of reader.querySelectorAll('[id^="page-"]')) seen.observe(page);
  }

  function kept() {
    try { return Number(sessionStorage.getItem(KEPT)); } catch { return 0; }
  }

  /** Zoom, and keep what is in the middle of the reader there. */
  function zoom(percent) {
    const middle = reader.scrollTop + reader.clientHeight / 2;
    const share = middle / Math.max(1, reader.scrollHeight);
    paper.dataset.zoom = percent;
    reader.scrollTop = share * reader.scrollHeight - reader.clientHeight / 2;
    for (const image of paper.querySelectorAll("img[sizes]")) image.sizes = `${Math.round(9.2 * percent)}px`;
    for (const told of document.querySelectorAll("[data-zoom-now]")) told.textContent = (percent / 100).toLocaleString(document.documentElement.lang, { style: "percent" });
    for (const button of document.querySelectorAll("[data-zoom-by]")) {
      button.disabled = percent === (Number(button.dataset.zoomBy) > 0 ? STEPS.at(-1) : STEPS[0]);
    }
    try { sessionStorage.setItem(KEPT, percent); } catch { /* a browser that keeps nothing */ }
  }

  function step(by) {
    const at = STEPS.indexOf(Number(paper.dataset.zoom));
    zoom(STEPS[Math.min(STEPS.length - 1, Math.max(0, at + by))]);
  }

  if (paper) {
    for (const button of document.querySelectorAll("[data-zoom-by]")) button.addEventListener("click", () => step(Number(button.dataset.zoomBy)));
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
      if (event.key === "+" || event.key === "=") step(1);
      else if (event.key === "-") step(-1);
      else if (event.key === "0") zoom(100);
      else return;
      event.preventDefault();
    });
    if (STEPS.includes(kept())) zoom(kept());
    // A page that does not come is said so in its place, and asked for again on a click.
    const missing = (image) => {
      if (!image.matches?.("img[data-sheet]")) return;
      const again = Object.assign(document.createElement("button"), { type: "button", className: "button sheet__again", textContent: gettext("This page did not load. Try again") });
      again.addEventListener("click", () => { again.replaceWith(image); image.srcset = image.srcset; });
      image.replaceWith(again);
    };
    const askAnew = (image) => {
      const kept = ["src", "srcset"].map((name) => [name, image.getAttribute(name)]);
      image.style.height = `${image.offsetHeight}px`; // without a source it would have none
      for (const [name] of kept) image.removeAttribute(name);
      setTimeout(() => { // not at once: Chromium would find what is on its way, and keep it
        for (const [name, value] of kept) image.setAttribute(name, value);
        image.style.height = "";
      }, 50);
    };
    // A page scrolled past before its picture came is asked for no longer, and anew where one comes
    // back, so that the page one stops at need not wait for all before it. The margin is wider than
    // the browser's own for lazy pictures: set anew out there, one waits until it is near again.
    const passed = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) target.dataset.near = "";
        else if ("near" in target.dataset) {
          delete target.dataset.near;
          if (!target.complete) askAnew(target);
        }
      }
    }, { root: reader, rootMargin: "3000px 0px" });
    for (const image of reader.querySelectorAll("img[data-sheet]")) passed.observe(image);
    reader.addEventListener("error", (event) => missing(event.target), true);
    for (const image of reader.querySelectorAll("img[data-sheet]")) {
      if (image.complete && image.currentSrc && !image.naturalWidth) missing(image); // before this script ran
    }
  }

  /** A page's words lie over its picture once that is there: to be chosen, copied, found and read aloud. */
  async function words(image) {
    if (!image.matches?.("img[data-sheet]") || "words" in image.dataset) return;
    image.dataset.words = "";
    try {
      const answer = await tenantry.fetch(`${image.getAttribute("src")}words/`, { headers: { Accept: "text/html" } });
      image.insertAdjacentHTML("afterend", await answer.text());
    } catch { delete image.dataset.words; } // the picture stands; its text is a click away
  }
  reader.addEventListener("load", (event) => words(event.target), true);
  for (const image of reader.querySelectorAll("img[data-sheet]")) if (image.complete && image.naturalWidth) words(image);

  if (!showPassage()) {
    const wanted = new URLSearchParams(location.search).get("page");
    if (wanted) showPage(Number(wanted));
  }
})();
