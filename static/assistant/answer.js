/* One answer on the page: words as they come, then the checked text with its sources.
   Public: window.answers {user(id, text), begin(id), tool, delta, withdraw, stop, citations, finish, fail}. */
(() => {
  "use strict";

  const page = document.querySelector("[data-conversation]");
  if (!page) return;
  const part = (answer, name) => answer.querySelector(`[data-${name}]`);
  const blank = (kind) => document.querySelector(`template[data-blank="${kind}"]`).content.firstElementChild.cloneNode(true);

  const NOTES = {
    stopped: "Stopped. What had arrived is kept.",
    withdrawn: "The workspace's guardrail did not let this answer through.",
  };
  const GROUNDED = {
    full: ["badge--success", "Backed by your documents"],
    partly: ["badge--warning", "Partly backed by your documents"],
    none: ["", "Not backed by your documents"],
  };

  function user(id, text) {
    const message = blank("user");
    message.dataset.message = id;
    part(message, "text").textContent = text;
    return message;
  }

  /** An empty answer, or the given one emptied, ready for words. */
  function begin(id, answer = blank("answer")) {
    answer.dataset.message = id;
    answer.dataset.status = "streaming";
    const prose = part(answer, "answer");
    prose.replaceChildren(document.createTextNode(""));
    prose.classList.add("caret", "answer-live");
    for (const name of ["step", "note", "error", "sources", "why", "actions", "grounded"]) part(answer, name).hidden = true;
    const why = part(answer, "why");
    why.setAttribute("hx-get", `/assistant/answers/${id}/why/`);
    why.open = false;
    return answer;
  }

  const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  function tool(answer, frame) {
    const step = part(answer, "step");
    const searching = frame.status === "running";
    const found = frame.documents ?? 0;
    const text = searching
      ? "Searching your documents"
      : found ? `Searched your documents: ${many(frame.found, "passage")} in ${many(found, "document")}` : "Searched your documents: nothing found";
    step.replaceChildren(tenantry.icon(searching ? "spinner" : "search", searching ? "icon--spin" : ""), text);
    step.hidden = false;
  }

  function delta(answer, text) {
    const prose = part(answer, "answer");
    if (prose.firstChild?.nodeType !== Node.TEXT_NODE) prose.replaceChildren(document.createTextNode(""));
    prose.firstChild.appendData(text);
  }

  function withdraw(answer) {
    part(answer, "answer").replaceChildren();
    note(answer, NOTES.withdrawn);
  }

  function stop(answer) {
    part(answer, "answer").classList.remove("caret");
    note(answer, NOTES.stopped);
  }

  function note(answer, text) {
    const line = part(answer, "note");
    line.textContent = text ?? "";
    line.hidden = !text;
  }

  function citations(answer, found, grounded) {
    const list = part(answer, "source-list");
    list.replaceChildren(...found.map(source));
    part(answer, "sources-label").textContent = many(found.length, "source");
    part(answer, "sources").hidden = !found.length;
    const badge = part(answer, "grounded");
    const [kind, label] = GROUNDED[grounded] ?? [];
    badge.hidden = !label;
    badge.className = `badge ${kind ?? ""}`.trim();
    badge.textContent = label ?? "";
  }

  /** A source, as the page's own template has it. */
  function source(found) {
    const box = document.createElement("article");
    box.className = "source";
    box.dataset.source = found.number;
    const head = document.createElement("div");
    head.className = "source__head";
    const number = Object.assign(document.createElement("span"), { className: "cite", textContent: found.number });
    number.setAttribute("aria-hidden", "true");
    const name = Object.assign(document.createElement("a"), { className: "source__name", textContent: found.document_name });
    name.href = `/documents/${encodeURIComponent(found.document_id)}/?start=${Number(found.start)}&end=${Number(found.end)}#passage`;
    head.append(number, name);
    if (found.page !== null) head.append(Object.assign(document.createElement("span"), { className: "source__page", textContent: `Page ${found.page}` }));
    box.append(head, Object.assign(document.createElement("blockquote"), { textContent: found.quote }));
    return box;
  }

  function settle(answer) {
    part(answer, "answer").classList.remove("caret");
    part(answer, "actions").hidden = false;
    const why = part(answer, "why");
    why.hidden = false;
    window.htmx?.process(why);
  }

  function finish(answer, frame) {
    const prose = part(answer, "answer");
    prose.innerHTML = frame.html; // sanitized by the server
    prose.classList.remove("answer-live");
    answer.dataset.status = frame.status;
    citations(answer, frame.citations ?? [], frame.grounded);
    note(answer, NOTES[frame.status]);
    const tokens = (frame.usage?.input_tokens ?? 0) + (frame.usage?.output_tokens ?? 0);
    part(answer, "meta").textContent = tokens ? `${tokens.toLocaleString("en")} tokens` : "";
    part(answer, "error").hidden = true;
    if (frame.error) told(answer, frame.error);
    settle(answer);
  }

  function fail(answer, frame) {
    answer.dataset.status = "failed";
    part(answer, "step").hidden = true;
    told(answer, frame);
    settle(answer);
  }

  /** Say what went wrong and what to do next; "Try again" waits as long as the server asked for. */
  function told(answer, error) {
    const box = part(answer, "error");
    part(answer, "error-text").textContent = error.detail;
    const upgrade = part(answer, "upgrade");
    upgrade.hidden = !error.upgrade_url;
    if (error.upgrade_url?.startsWith("/")) upgrade.href = error.upgrade_url;
    box.hidden = false;
    const again = box.querySelector("[data-regenerate]");
    let left = Math.ceil(error.retry_after ?? 0);
    const tick = () => {
      again.disabled = left > 0;
      again.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
      if (left-- > 0) setTimeout(tick, 1000);
    };
    tick();
  }

  window.answers = { user, begin, tool, delta, withdraw, stop, citations, finish, fail };
})();
