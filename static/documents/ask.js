/* Ask: Enter sends, suggestions fill the box, the chooser filters; the answer comes with its steps, and failures
   stand in its place. */
(() => {
  "use strict";

  const form = document.querySelector("[data-ask]");
  if (!form) return;
  const question = form.querySelector("textarea");
  const label = form.querySelector("[data-scope-label]");

  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-suggestion]");
    if (!button || control) return;
    question.value = button.textContent;
    form.requestSubmit();
    form.scrollIntoView({ block: "nearest" });
  });

  const collection = form.querySelector("[data-scope-collection]");

  function tell() {
    const chosen = form.querySelectorAll('[name="document"]:checked').length;
    const all = collection?.selectedOptions[0]?.text ?? gettext("All documents");
    label.textContent = chosen ? ngettext("{n} chosen document", "{n} chosen documents", chosen, { n: chosen }) : all;
  }

  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.name === "find") event.preventDefault();
  });
  form.addEventListener("change", tell);
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.matches("[data-choices]")) tell(); });

  const answers = document.getElementById("answers");
  const announce = document.querySelector("[data-ask-announce]");
  const go = form.querySelector("button[type=submit]");
  const stop = form.querySelector("[data-ask-stop]");
  let control = null; // of the answer that is coming

  /** What was answered on this page comes back with it. */
  function recall() {
    question.value ||= tenantry.kept.get("question") ?? "";
    const had = tenantry.kept.get("answers");
    if (!had || answers.querySelector("[data-answer]")) return;
    answers.innerHTML = had; // as the server sent it
    document.querySelector("[data-suggestions]")?.remove();
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); if (!control) ask(); });
  stop.addEventListener("click", () => control?.abort());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && control && !event.defaultPrevented) control.abort();
  });

  async function ask() {
    const given = new FormData(form);
    const answer = coming(question.value.trim());
    const lost = gettext("The connection was lost. What had arrived is kept; try again.");
    tenantry.kept.set("question", question.value); // until it is answered
    document.querySelector("[data-suggestions]")?.remove();
    answers.prepend(answer.box);
    control = new AbortController();
    busy(true);
    try {
      const response = await tenantry.fetch(form.getAttribute("action"), {
        method: "POST",
        body: given,
        headers: { Accept: "text/event-stream" },
        signal: control.signal,
      });
      if (!await eventsOf(response, answer.told)) throw new Error(lost);
      tenantry.kept.set("question", "");
      question.select();
    } catch (error) {
      answer.ended(control.signal.aborted ? gettext("Stopped. What had arrived is kept.") : error.code ? error.message : lost);
    }
    control = null;
    busy(false);
    tenantry.kept.set("answers", answers.innerHTML);
    document.body.dispatchEvent(new CustomEvent("usage:changed"));
  }

  function busy(on) {
    go.disabled = on;
    stop.hidden = !on;
  }

  /** An answer on its way: its steps and words, then what the server made of it. */
  function coming(asked) {
    const box = document.querySelector("template[data-coming]").content.firstElementChild.cloneNode(true);
    const steps = box.querySelector("[data-coming-steps]");
    const text = box.querySelector("[data-coming-text]");
    let prose = live(text);
    box.querySelector("[data-coming-question]").textContent = asked;

    /** The step before is done; another begins. */
    function step(words, done = "") {
      finish(done);
      const line = Object.assign(document.createElement("p"), { className: "step" });
      line.append(tenantry.icon("spinner", "icon--spin"), Object.assign(document.createElement("span"), { textContent: words }));
      steps.append(line);
      announce.textContent = words;
    }

    function finish(words = "", icon = "check") {
      const last = steps.lastElementChild;
      if (!last) return;
      last.firstElementChild.replaceWith(tenantry.icon(icon));
      if (words) last.lastElementChild.textContent = words;
    }

    function whole(frame) {
      const made = document.createRange().createContextualFragment(frame.html).firstElementChild; // sanitized by the server
      if (frame.type === "error" && text.textContent) made.querySelector("h2").after(text);
      text.classList.remove("caret");
      box.replaceWith(made);
      htmx.process(made);
      announce.textContent = frame.said;
    }

    function ended(words) {
      if (!steps.lastElementChild) step(words); // not even begun
      finish(words, "info");
      text.classList.remove("caret");
      announce.textContent = words;
    }

    function told(frame) {
      switch (frame.type) {
        case "tool":
          if (frame.name === "check_quotations") { text.classList.remove("caret"); step(gettext("Checking each quotation against its document")); }
          else if (frame.status === "running") step(gettext("Searching your documents"));
          else step(gettext("Reading what was found"), found(frame));
          return false;
        case "delta":
          if (text.hidden) step(gettext("Answering"));
          text.hidden = false;
          text.classList.add("caret");
          prose.add(frame.text);
          return false;
        case "withdrawn":
          prose = live(text);
          text.hidden = true;
          if (frame.reason === "grounding") step(gettext("Asking a stronger model, since this was not borne out"));
          return false;
        case "finished":
        case "error":
          whole(frame);
          return true;
      }
      return false;
    }

    return { box, told, ended };
  }

  function found({ found: passages, documents }) {
    if (!passages) return gettext("Nothing was found");
    const inside = ngettext("{n} document", "{n} documents", documents, { n: documents });
    return ngettext("Found {n} passage in {documents}", "Found {n} passages in {documents}", passages, { n: passages, documents: inside });
  }

  recall();
})();
