/* One answer on the page: words as they come, then the checked text with its sources.
   Public: window.answers {user(id, text, files), rate(answer, button), versions(message, ids), begin(id), tool, propose, decided, delta, withdraw, stop, citations, finish, fail, brought}. */
(() => {
  "use strict";

  const page = document.querySelector("[data-conversation]");
  if (!page) return;
  const part = (answer, name) => answer.querySelector(`[data-${name}]`);
  const blank = (kind) => document.querySelector(`template[data-blank="${kind}"]`).content.firstElementChild.cloneNode(true);

  const NOTES = {
    stopped: gettext("Stopped. What had arrived is kept."),
    withdrawn: gettext("The workspace's guardrail did not let this answer through."),
    max_tokens: gettext("This answer reached the longest length there is. Ask to go on."),
  };
  const GROUNDED = {
    full: ["badge--success", gettext("Backed by your documents")],
    partly: ["badge--warning", gettext("Partly backed by your documents")],
    none: ["", gettext("Not backed by your documents")],
    help: ["badge--success", gettext("Backed by the help pages")],
  };

  /** A file of a question, as a link; a picture is shown small, where it may be looked at. */
  function file({ id, name, size, media_type: kind = "" }) {
    const made = blank("file");
    made.dataset.file = id;
    const link = made.querySelector("[data-file-link]");
    link.href = `/documents/${id}/`;
    link.title = name;
    made.querySelector("[data-file-name]").textContent = name;
    made.querySelector("[data-file-size]").textContent = window.attachments?.size(size) ?? "";
    if (kind.startsWith("image/")) {
      const icon = link.querySelector("svg");
      const picture = Object.assign(document.createElement("img"), { className: "attached__picture", alt: "", width: 40, height: 40 });
      picture.addEventListener("error", () => picture.replaceWith(icon));
      picture.src = `/documents/${id}/pages/1/`;
      icon.replaceWith(picture);
    }
    return made;
  }

  function user(id, text, files = []) {
    const message = blank("user");
    message.dataset.message = id;
    message.id = `m-${id}`;
    part(message, "text").textContent = text;
    part(message, "files").replaceChildren(...files.map(file));
    part(message, "files").hidden = !files.length;
    return message;
  }

  /** An empty answer, or the given one emptied, ready for words. */
  function begin(id, answer = blank("answer")) {
    answer.dataset.message = id;
    answer.id = `m-${id}`;
    answer.dataset.status = "streaming";
    const prose = part(answer, "answer");
    coming.set(answer, live(prose));
    prose.classList.add("caret");
    part(answer, "steps").replaceChildren();
    part(answer, "proposals").replaceChildren();
    part(answer, "follow-ups").replaceChildren();
    for (const name of ["steps", "follow-ups", "note", "error", "sources", "conflicts", "why", "actions", "grounded"]) part(answer, name).hidden = true;
    const why = part(answer, "why");
    why.setAttribute("hx-get", `/assistant/answers/${id}/why/`);
    why.open = false;
    return answer;
  }

  const STEP_ICONS = { running: "spinner", done: "check", failed: "warning", waiting: "clock" };

  /** The pager over a message's siblings, of which `ids` are all, oldest first. */
  function versions(message, ids = []) {
    const form = part(message, "versions");
    const at = ids.indexOf(message.dataset.message);
    form.hidden = ids.length < 2 || at < 0;
    form.action = `/assistant/${page.dataset.conversation}/choose/`;
    part(form, "version-place").textContent = `${at + 1}/${ids.length}`;
    for (const [name, id] of [["version-before", ids[at - 1]], ["version-after", ids[at + 1]]]) {
      part(form, name).value = id ?? "";
      part(form, name).disabled = !id;
    }
  }

  /** A step of the answer: told when it begins, and again when it has ended. */
  function tool(answer, frame) {
    const list = part(answer, "steps");
    let step = list.querySelector(`[data-step="${Number(frame.step)}"]`);
    if (!step) {
      step = Object.assign(document.createElement("li"), { className: "step" });
      step.dataset.step = frame.step;
      list.append(step);
    }
    step.dataset.status = frame.status;
    const line = Object.assign(document.createElement("span"), { textContent: frame.line });
    step.replaceChildren(tenantry.icon(STEP_ICONS[frame.status] ?? "info", frame.status === "running" ? "icon--spin" : ""), line);
    list.hidden = false;
  }

  const ACTION_NOTES = {
    approved: gettext("Confirmed."),
    done: gettext("Confirmed and done."),
    failed: gettext("Confirmed, but it could not be done."),
    declined: gettext("Declined; nothing was changed."),
    expired: gettext("Expired; nothing was changed. Ask again if you still want it."),
  };

  /** A change that waits for the user, or what became of it. */
  function propose(answer, action) {
    const list = part(answer, "proposals");
    let box = list.querySelector(`[data-action="${CSS.escape(action.action_id)}"]`);
    if (!box) {
      box = blank("action");
      box.dataset.action = action.action_id;
      list.append(box);
    }
    box.dataset.expires = action.expires_at;
    part(box, "action-summary").textContent = action.summary;
    decided(box, action.state);
  }

  function decided(box, state) {
    box.dataset.state = state;
    const until = new Date(box.dataset.expires);
    const time = until.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    part(box, "action-note").textContent = ACTION_NOTES[state] ?? gettext("Nothing is changed until you confirm. This expires at {time}.", { time });
    part(box, "action-buttons").hidden = state !== "waiting";
    if (state === "waiting") setTimeout(() => { if (box.dataset.state === "waiting") decided(box, "expired"); }, Math.min(2 ** 31 - 1, Math.max(0, until - Date.now())));
  }

  const coming = new WeakMap(); // the words of each answer that is being written

  function delta(answer, text) {
    if (!coming.has(answer)) coming.set(answer, live(part(answer, "answer")));
    coming.get(answer).add(text);
  }

  function withdraw(answer) {
    coming.set(answer, live(part(answer, "answer")));
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
    part(answer, "sources-label").textContent = ngettext("{n} source", "{n} sources", found.length, { n: found.length });
    part(answer, "sources").hidden = !found.length;
    const badge = part(answer, "grounded");
    const ofHelp = grounded === "full" && found.length && found.every(({ url }) => url);
    const [kind, label] = GROUNDED[ofHelp ? "help" : grounded] ?? [];
    badge.hidden = !label;
    badge.className = `badge ${kind ?? ""}`.trim();
    badge.textContent = label ?? "";
  }

  /** Sources that say other figures, both sides of each. */
  function conflicts(answer, found) {
    part(answer, "conflict-list").replaceChildren(...found.map(({ cited, other }) => {
      const pair = Object.assign(document.createElement("div"), { className: "diff" });
      pair.append(source(cited), source(other));
      for (const side of pair.children) delete side.dataset.source; // no mark in the answer leads here
      return pair;
    }));
    part(answer, "conflicts").hidden = !found.length;
  }

  /** A source, as the page's own template has it. */
  function source(found) {
    const box = document.createElement("article");
    box.className = "source";
    box.dataset.source = found.number;
    const head = document.createElement("div");
    head.className = "source__head";
    const number = Object.assign(document.createElement("span"), { className: "cite", textContent: found.number, hidden: !found.number });
    number.setAttribute("aria-hidden", "true");
    const name = Object.assign(document.createElement("a"), { className: "source__name", textContent: found.document_name });
    name.href = /^\/help\//.test(found.url ?? "") ? found.url : `/documents/${encodeURIComponent(found.document_id)}/?start=${Number(found.start)}&end=${Number(found.end)}#passage`;
    head.append(number, name);
    if (found.recognized) head.append(Object.assign(document.createElement("span"), { className: "badge", textContent: gettext("OCR"), title: gettext("Read by text recognition (OCR) from a scan or a picture: compare it with the page") }));
    if (found.page !== null) head.append(Object.assign(document.createElement("span"), { className: "source__page", textContent: gettext("Page {page}", { page: found.page }) }));
    box.append(head, Object.assign(document.createElement("blockquote"), { textContent: found.quote }));
    return box;
  }

  function followUps(answer, questions) {
    const list = part(answer, "follow-ups");
    list.replaceChildren(...questions.map((question) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: question });
      button.dataset.suggestion = "";
      return button;
    }));
    list.hidden = !questions.length;
  }

  /** Keep what the user thinks; a second press takes it back. A reason may follow. */
  async function rate(answer, button) {
    const pressed = button.getAttribute("aria-pressed") === "true";
    const rating = pressed ? "" : button.dataset.rate;
    if (!await rated(answer, rating, "")) return;
    for (const each of answer.querySelectorAll("[data-rate]")) each.setAttribute("aria-pressed", String(each.dataset.rate === rating));
    answer.querySelector("[data-rate-form]")?.remove();
    if (rating) reasonForm(answer, rating);
  }

  async function rated(answer, rating, reason) {
    const body = new URLSearchParams({ rating, reason });
    try {
      await tenantry.fetch(`/assistant/${page.dataset.conversation}/answers/${answer.dataset.message}/rate/`, { method: "POST", body });
      return true;
    } catch (error) {
      toast(error.message, "warning");
      return false;
    }
  }

  function reasonForm(answer, rating) {
    const form = Object.assign(document.createElement("form"), { className: "rate-reason" });
    form.dataset.rateForm = "";
    const area = Object.assign(document.createElement("textarea"), { className: "textarea", rows: 2, maxLength: 1000 });
    area.setAttribute("aria-label", rating === "up" ? gettext("What was good about it? Optional") : gettext("What was wrong with it? Optional"));
    area.placeholder = rating === "up" ? gettext("What was good? Optional, up to 1,000 characters") : gettext("What was wrong? Optional, up to 1,000 characters");
    const row = Object.assign(document.createElement("div"), { className: "row" });
    const go = Object.assign(document.createElement("button"), { className: "button", textContent: gettext("Send the reason") });
    const skip = Object.assign(document.createElement("button"), { className: "button button--quiet", type: "button", textContent: gettext("Skip") });
    row.append(go, skip);
    form.append(area, row);
    skip.addEventListener("click", () => form.remove());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!area.value.trim() || await rated(answer, rating, area.value)) { form.remove(); toast(gettext("Thank you"), "success"); }
    });
    part(answer, "actions").after(form);
    area.focus({ preventScroll: true });
    form.scrollIntoView({ block: "nearest" });
  }

  function settle(answer) {
    codeCopies(answer);
    part(answer, "answer").classList.remove("caret");
    part(answer, "actions").hidden = false;
    const why = part(answer, "why");
    why.hidden = false;
    window.htmx?.process(why);
  }

  function finish(answer, frame) {
    const prose = part(answer, "answer");
    prose.innerHTML = frame.html; // sanitized by the server
    coming.delete(answer);
    answer.dataset.status = frame.status;
    citations(answer, frame.citations ?? [], frame.grounded);
    conflicts(answer, frame.conflicts ?? []);
    for (const step of frame.steps ?? []) tool(answer, step);
    for (const action of frame.actions ?? []) propose(answer, action);
    note(answer, NOTES[frame.status] ?? NOTES[frame.stop_reason]);
    followUps(answer, frame.follow_ups ?? []);
    const tokens = (frame.usage?.input_tokens ?? 0) + (frame.usage?.output_tokens ?? 0);
    part(answer, "meta").textContent = tokens ? gettext("{tokens} tokens", { tokens: tenantry.number(tokens) }) : "";
    part(answer, "error").hidden = true;
    if (frame.error) told(answer, frame.error);
    settle(answer);
  }

  function fail(answer, frame) {
    answer.dataset.status = "failed";
    for (const step of part(answer, "steps").querySelectorAll('[data-status="running"]')) step.remove();
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
      again.textContent = left > 0 ? gettext("Try again in {seconds} s", { seconds: left }) : gettext("Try again");
      if (left-- > 0) setTimeout(tick, 1000);
    };
    tick();
  }

  /** Messages as the server rendered them get what scripts add. */
  function brought(from) {
    codeCopies(from);
    for (const box of from.querySelectorAll('[data-action][data-state="waiting"]')) decided(box, "waiting");
  }

  brought(page);
  window.answers = { user, rate, versions, begin, tool, propose, decided, delta, withdraw, stop, citations, finish, fail, brought };
})();
