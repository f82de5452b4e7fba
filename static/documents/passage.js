/* What is chosen in the reader, as a passage: a link that opens it marked, and a question about it. */
(() => {
  "use strict";

  const reader = document.getElementById("reader");
  const bar = document.querySelector("[data-passage-bar]");
  if (!reader || !bar) return;
  const ask = bar.querySelector("[data-passage-ask]");
  const QUOTED = 300; // characters that a question quotes
  const HOLDERS = "[data-start]"; // a line of a page as it looks, or a page of text
  const length = (text) => [...text].length; // in characters, as the server counts
  let passage = null;

  /** Where a border of the selection stands in the document's text; null outside of it. */
  function offset(node, at) {
    const holder = (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest?.(HOLDERS);
    if (!holder || !reader.contains(holder)) return null;
    const before = document.createRange();
    before.setStart(holder, 0);
    before.setEnd(node, at);
    return Number(holder.dataset.start) + length(before.toString());
  }

  function look() {
    const selection = getSelection();
    const range = selection.rangeCount && !selection.isCollapsed ? selection.getRangeAt(0) : null;
    const text = range && reader.contains(range.commonAncestorContainer) ? selection.toString().trim() : "";
    const [start, end] = text ? [offset(range.startContainer, range.startOffset), offset(range.endContainer, range.endOffset)] : [];
    passage = Number.isInteger(start) && end > start ? { start, end, text } : null;
    bar.hidden = !passage;
    if (!passage || !ask) return;
    const quoted = text.replace(/\s+/g, " ");
    const query = new URLSearchParams({ document: reader.dataset.document, question: gettext("What does this mean: “{text}”?", { text: quoted.length > QUOTED ? `${quoted.slice(0, QUOTED)}…` : quoted }) });
    ask.href = `/ask/?${query}`;
  }

  document.addEventListener("selectionchange", look);
  bar.querySelector("[data-passage-link]").addEventListener("click", async () => {
    const query = new URLSearchParams(new URLSearchParams(location.search).get("as") === "text" ? { as: "text" } : {});
    query.set("start", passage.start);
    query.set("end", passage.end);
    try {
      await navigator.clipboard.writeText(`${location.origin}${location.pathname}?${query}#passage`);
      toast(gettext("The link is copied. It opens this document with the passage marked."), "success");
    } catch {
      toast(gettext("The browser did not allow copying. Select the text and copy it yourself."), "warning");
    }
  });
})();
