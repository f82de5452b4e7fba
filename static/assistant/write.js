/* Write: sends the task, shows the text as it is written, then the checked text with its sources. */
(() => {
  "use strict";

  const form = document.querySelector("[data-write]");
  if (!form) return;
  const part = (name) => document.querySelector(`[data-write-${name}]`);
  const text = part("text");
  const go = part("go");
  const stop = part("stop");
  let control = null;
  let markdown = "";
  let coming = null; // the text, as far as it has come
  let saved = "";
  let given = ""; // the text that was last sent
  let kept = null; // the text that the next writing is another version of
  let begun = ""; // by which it is the same text, where its answer was lost and it is sent again

  /* What was given and written comes back by the back button and after a reload. */

  const fields = () => [...form.elements].filter((field) => (field.id || field.name) && field.name !== "find");
  const keyOf = (field) => (field.type === "checkbox" ? `${field.name}:${field.value}` : field.id || field.name);
  const keepFields = () => tenantry.kept.set("fields", fields().map((field) => [keyOf(field), field.type === "checkbox" ? field.checked : field.value]));

  function recall() {
    const had = new Map(tenantry.kept.get("fields"));
    for (const field of fields()) {
      const value = had.get(keyOf(field));
      if (typeof value === "boolean") field.checked = value;
      else if (value !== undefined) field.value = value;
    }
    const { frame, partial, text: sent, begun: by = "" } = tenantry.kept.get("written") ?? {};
    if (!frame && !partial) return;
    clear();
    text.classList.remove("caret");
    given = sent;
    begun = by;
    if (frame) {
      finished(frame);
      part("announce").textContent = "";
    } else {
      heard({ type: "delta", text: partial });
      note(gettext("Stopped. What had arrived is kept."));
    }
    tools();
  }

  /** Whoever leaves while it is written has what had arrived, too. */
  const keepPart = () => markdown && tenantry.kept.set("written", { partial: markdown, text: given, begun });
  addEventListener("pagehide", () => { if (control) keepPart(); });

  let typed = 0;
  form.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(keepFields, 400); });
  form.addEventListener("change", keepFields);

  function say(words) {
    const problem = part("problem");
    problem.textContent = words;
    problem.hidden = !words;
  }

  function task() {
    const chosen = [...form.querySelectorAll("[data-instruction]")].map((select) => select.value);
    const instructions = [...chosen, form.elements.instructions.value.trim()].filter(Boolean).join(" ");
    const documents = [...form.querySelectorAll('[name="document_ids"]:checked')].map((box) => box.value);
    const body = { task: form.dataset.write, instructions };
    if (form.elements.text?.value.trim()) body.text = form.elements.text.value;
    if (documents.length) body.document_ids = documents;
    if (form.elements.thorough?.checked) body.thorough = true;
    // Of another text nothing that was written before is a version.
    const same = !body.text || body.text === given || body.text.trim() === markdown.trim();
    if (kept && same) body.text_id = kept;
    if (!begun || !same) begun = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    body.once = begun;
    given = body.text;
    return body;
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); if (!control) write(); });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.name === "find") event.preventDefault();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
  });
  stop.addEventListener("click", halt);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && control && !event.defaultPrevented) halt();
  });

  function halt() {
    control?.abort();
    note(gettext("Stopped. What had arrived is kept."));
  }

  async function write() {
    const body = task();
    const lost = gettext("The connection was lost. What had arrived is kept; try again.");
    keepFields();
    tenantry.kept.set("written", null);
    say("");
    clear();
    control = new AbortController();
    busy(true);
    try {
      const send = () => tenantry.fetch(form.getAttribute("action"), {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
        signal: control.signal,
      });
      const response = await send().catch((error) => {
        if (error.status !== 404 || !body.text_id) throw error;
        kept = null; // deleted in another tab: it is a new text
        delete body.text_id;
        return send();
      });
      if (!await eventsOf(response, heard)) say(lost);
    } catch (error) {
      // What breaks in mid-stream has the browser's own words alone.
      if (!control.signal.aborted) say(error.code ? error.message : lost);
    }
    text.classList.remove("caret");
    if (!tenantry.kept.get("written")) keepPart();
    part("step").hidden = true;
    control = null;
    busy(false);
    tools();
    document.body.dispatchEvent(new CustomEvent("usage:changed"));
  }

  const READING = { read_documents: gettext("Reading"), search_documents: gettext("Searching your documents") };

  function heard(frame) {
    switch (frame.type) {
      case "tool": {
        const step = part("step");
        const words = READING[frame.name] ?? gettext("Working");
        step.textContent = frame.part ? gettext("{words} part {part} of {parts}", { words, part: frame.part, parts: frame.parts }) : words;
        step.hidden = frame.status === "done";
        return false;
      }
      case "delta":
        part("step").hidden = true;
        markdown += frame.text;
        coming.add(frame.text);
        return false;
      case "withdrawn":
        markdown = "";
        coming = live(text);
        return false;
      case "finished":
        finished(frame);
        return true;
      case "error":
        say(frame.detail);
        return true;
    }
    return false;
  }

  function finished(frame) {
    markdown = frame.text;
    text.innerHTML = frame.html; // sanitized by the server
    tenantry.kept.set("written", { frame, text: given, begun });
    sources(frame.citations);
    const parted = frame.read.filter((each) => each.read < each.characters);
    keep(frame);
    if (frame.error) say(frame.error.detail);
    const notes = [];
    if (frame.error) notes.push(gettext("This text is not whole: it broke off here."));
    else if (frame.stop_reason === "max_tokens") notes.push(gettext("The text reached the longest length the model writes at once. Ask for less, or go on from its end."));
    else notes.push(...parted.map((each) => gettext("Of {name}, {percent}% was read: the passages closest to its subject.", { name: each.document_name, percent: Math.round((100 * each.read) / each.characters) })));
    const refused = [...new Set((frame.withheld ?? []).map((each) => gettext("“{name}”", { name: each.document_name })))];
    if (!refused.every((name) => frame.text.includes(name))) notes.unshift(gettext("Not used, since the content rules refuse passages of it: {names}.", { names: refused.join(", ") }));
    note(notes.join(" "));
    const tokens = (frame.usage.input_tokens ?? 0) + (frame.usage.output_tokens ?? 0);
    part("meta").textContent = gettext("{tokens} tokens", { tokens: tenantry.number(tokens) });
    part("meta").hidden = false;
    why(frame.request_id);
    part("announce").textContent = frame.error ? frame.error.detail : gettext("The text is finished.");
  }

  /** Where the text is kept: its versions, and the file that Word opens. */
  function keep(frame) {
    kept = frame.text_id;
    part("versions").hidden = part("word").hidden = !kept;
    if (!kept) return;
    const page = `/write/texts/${encodeURIComponent(kept)}/`;
    const before = frame.version > 1 ? `&against=${Number(frame.version) - 1}` : "";
    part("versions").href = `${page}?version=${Number(frame.version)}${before}`;
    part("word").href = `${page}export/?as=docx&version=${Number(frame.version)}`;
  }

  form.addEventListener("change", (event) => {
    const into = form.elements[event.target.dataset.template];
    if (!into || !event.target.value) return;
    into.value = into.value.trim() ? `${event.target.value}\n\n${into.value}` : event.target.value;
    event.target.value = "";
    into.focus();
  });

  function sources(found) {
    part("sources").hidden = !found.length;
    part("sources-label").textContent = ngettext("{n} source", "{n} sources", found.length, { n: found.length });
    part("source-list").replaceChildren(...found.map((each) => {
      const box = Object.assign(document.createElement("article"), { className: "source" });
      const head = Object.assign(document.createElement("div"), { className: "source__head" });
      const name = Object.assign(document.createElement("a"), { className: "source__name", textContent: each.document_name });
      name.href = `/documents/${encodeURIComponent(each.document_id)}/?start=${Number(each.start)}&end=${Number(each.end)}#passage`;
      const number = Object.assign(document.createElement("span"), { className: "cite", textContent: each.number });
      number.setAttribute("aria-hidden", "true");
      head.append(number, name);
      if (each.page !== null) head.append(Object.assign(document.createElement("span"), { className: "source__page", textContent: gettext("Page {page}", { page: each.page }) }));
      box.append(head, Object.assign(document.createElement("blockquote"), { textContent: each.quote }));
      return box;
    }));
  }

  function why(request) {
    const box = part("why");
    box.open = false;
    box.hidden = false;
    box.setAttribute("hx-get", `/requests/${encodeURIComponent(request)}/why/`);
    window.htmx?.process(box);
  }

  function note(words) {
    const line = part("note");
    line.textContent = words;
    line.hidden = !words;
  }

  function clear() {
    markdown = "";
    part("empty").hidden = true;
    coming = live(text);
    text.classList.add("caret");
    for (const name of ["note", "sources", "meta", "tools", "why"]) part(name).hidden = true;
  }

  function tools() {
    part("tools").hidden = !markdown;
    if (saved) URL.revokeObjectURL(saved);
    saved = URL.createObjectURL(new Blob([markdown], { type: "text/markdown" }));
    part("save").href = saved;
  }

  part("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(markdown);
      toast(gettext("Copied"), "success");
    } catch {
      toast(gettext("The browser did not allow copying. Select the text and copy it yourself."), "warning");
    }
  });

  function busy(on) {
    go.disabled = on;
    stop.hidden = !on;
  }

  recall();
})();
