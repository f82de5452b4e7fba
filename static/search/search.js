/* The search page. At each key what the words find, for nothing; after a pause the whole search, which is charged, in its
   place. The arrow keys move through what is found, and stay on their passage when it is found anew. */
(() => {
  "use strict";

  const PAUSE = 300; // milliseconds without a key before a whole search
  const SLOW = 5000; // what the words find is not waited for longer
  const BY_ITSELF = 3; // so often in a row it is searched for again unasked

  const form = document.querySelector("[data-search]");
  if (!form) return;
  const field = form.elements.q;
  const found = document.querySelector("[data-found]");
  const said = document.querySelector("[data-found-said]");
  const links = () => [...found.querySelectorAll("[data-result]")];

  let waiting = 0;
  let failures = 0; // of whole searches, one after the other
  let asked = null; // what the whole search is looking for now
  let whole = field.value.trim(); // of which all that was found is shown

  /** Search for what stands in the field, once; a single letter waits, an empty field clears. */
  function typed() {
    const query = field.value.trim();
    if (query === asked || query === whole || query.length === 1) return; // one letter says nothing yet
    htmx.trigger(form, "typed");
  }

  function key() {
    clearTimeout(waiting);
    const query = field.value.trim();
    if (asked !== null && asked !== query) htmx.trigger(form, "htmx:abort");
    if (!query) return typed();
    waiting = setTimeout(typed, PAUSE);
    look();
  }

  field.addEventListener("input", (event) => { if (event.isComposing) clearTimeout(waiting); else key(); });
  field.addEventListener("compositionend", key);
  field.addEventListener("change", (event) => event.stopPropagation()); // typing has searched already
  form.addEventListener("htmx:beforeRequest", () => { clearTimeout(waiting); asked = field.value.trim(); });
  form.addEventListener("htmx:sendAbort", () => { asked = null; });

  /* What the words find: one request at a time, and after it the next for what stands in the field then. */

  let looking = false;
  let looked = ""; // what was asked for last

  async function look() {
    if (looking) return;
    looking = true;
    while (fresh()) {
      const query = looked = field.value.trim();
      const html = await words();
      const now = field.value.trim();
      // An answer to other words is dropped, one to the beginning of what is typed now is not.
      if (now === whole || !now.startsWith(query)) continue;
      if (html) place(html); else if (html === "") behind();
    }
    looking = false;
  }

  function fresh() {
    const query = field.value.trim();
    return query.length > 1 && query !== looked && query !== whole;
  }

  /** The rows for what is typed; empty where the words find nothing, null where nobody answered. */
  async function words() {
    const query = new URLSearchParams(new FormData(form));
    const headers = { Accept: "text/html", "HX-Request": "true" };
    try {
      const answer = await tenantry.fetch(`${form.dataset.search}?${query}`, { headers, signal: AbortSignal.timeout(SLOW), here: `${location.pathname}?${query}` });
      return answer.status === 204 ? "" : await answer.text();
    } catch {
      return null; // the whole search says what is wrong
    }
  }

  /** Rows in the place of those shown, htmx keeping the focus by ids. */
  function place(html) {
    const at = links().indexOf(document.activeElement);
    htmx.swap(found, html, { swapStyle: "innerHTML", settleDelay: 0 });
    whole = null;
    stay(at);
  }

  /** What is shown was found for fewer letters. */
  function behind() {
    const told = found.querySelector("[data-told]");
    if (!told) return;
    whole = null;
    found.dataset.behind = "";
    told.textContent = gettext("By meaning in a moment");
  }

  /** Where the passage one stood on is found no more, the one in its place is stood on. */
  function stay(at) {
    delete found.dataset.behind;
    if (at < 0 || links().includes(document.activeElement)) return;
    const all = links();
    (all[Math.min(at, all.length - 1)] ?? field).focus({ preventScroll: true });
  }

  let stood = -1;
  form.addEventListener("htmx:beforeOnLoad", (event) => {
    stood = links().indexOf(document.activeElement);
    if (event.detail.xhr.status < 400) failures = 0;
  });
  form.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.xhr.status >= 400) return;
    [whole, asked] = [asked, null];
    stay(stood);
    said.textContent = (found.querySelector("[data-told]") ?? found.querySelector("h2"))?.textContent ?? "";
  });

  /* A search without an answer: that is said where its results would be, and what was typed stays. It is searched for again
     by the button, by typing or Enter, and by itself when the server answers. */

  async function failed(event) {
    const status = event.detail.xhr?.status ?? 0;
    asked = null; // the same words are searched for again
    if (status && status < 502) return; // the server said why
    event.preventDefault();
    const told = document.querySelector("[data-search-unanswered]").content.cloneNode(true);
    told.querySelector("strong").textContent = event.type === "htmx:timeout" ? gettext("That took too long. Try again.") : tenantry.problem(status);
    const box = told.firstElementChild;
    found.replaceChildren(told);
    failures += 1;
    if (failures > BY_ITSELF) return void box.querySelector("p").remove(); // it is not, any more
    await reach.back();
    if (box.isConnected) again();
  }

  const again = () => htmx.trigger(form, "typed");

  for (const kind of ["sendError", "timeout", "responseError"]) form.addEventListener(`htmx:${kind}`, failed);
  found.addEventListener("click", (event) => { if (event.target.closest("[data-search-again]")) { failures = 0; again(); } });

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
    } else if (event.key === "Enter" && inField && all.length && [asked, whole].includes(field.value.trim())) {
      event.preventDefault();
      all[0].click();
    }
  });
})();
