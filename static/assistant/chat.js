/* A conversation: its socket, its thread, the drawer of sources. */
(() => {
  "use strict";

  const page = document.querySelector("[data-conversation]");
  if (!page) return;
  const METER_EVERY = 4000;
  const one = (selector, from = page) => from.querySelector(selector);
  const thread = one("[data-thread]");
  const scroll = one("[data-scroll]");
  const latest = one("[data-latest]");
  const drawer = one("[data-drawer]");
  const connection = one("[data-connection]");
  const announce = document.querySelector("[data-announce]");
  const message = (id) => one(`[data-message="${CSS.escape(id)}"]`, thread);

  let after = Number(page.dataset.after);
  let socket = null;
  let tries = 0;
  let timer = 0;
  let live = null; // the answer being written
  let asked = null; // {frame, text, files, element} of a question, {frame, form} of an edited one, until the server has taken it
  let waiting = []; // frames for when the socket is open
  let held = null; // a question for when the stopped answer has been settled
  let closed = false;
  let moving = null; // while it is written, the meter moves with what it holds reserved
  let deciding = null; // the proposal whose decision the server has not taken yet

  /* The socket ----------------------------------------------------------------------------- */

  function connect() {
    clearTimeout(timer);
    if (closed || (socket && socket.readyState <= WebSocket.OPEN)) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/ws/assistant/${page.dataset.conversation}/`);
    const mine = socket;
    mine.addEventListener("open", () => {
      tries = 0;
      connection.textContent = "";
      mine.send(JSON.stringify({ type: "resume", after }));
      // What may have gone with the last line is said again; by its id the server takes it once.
      if (asked && asked.frame !== held && !waiting.includes(asked.frame)) waiting.unshift(asked.frame);
      for (const frame of waiting.splice(0)) mine.send(JSON.stringify(frame));
    });
    mine.addEventListener("message", (event) => heard(JSON.parse(event.data)));
    mine.addEventListener("close", (event) => {
      if (mine !== socket) return;
      if (event.code === 4401) return signedOut();
      tries += 1;
      connection.textContent = tries > 1 ? gettext("Reconnecting") : "";
      timer = setTimeout(connect, Math.min(15000, 250 * 2 ** tries) * (0.75 + Math.random() / 2));
    });
  }

  function signedOut() {
    closed = true;
    location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname)}`);
  }

  function send(frame) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    else { waiting.push(frame); connect(); }
  }

  addEventListener("online", () => { tries = 0; connect(); });
  addEventListener("pagehide", () => { closed = true; socket?.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted) { closed = false; connect(); } });

  /* Frames --------------------------------------------------------------------------------- */

  const HEARD = {
    "turn.started": started,
    tool: (frame) => live && keepingPlace(() => answers.tool(live, frame)),
    confirm: (frame) => { const answer = message(frame.message_id); if (answer) keepingPlace(() => answers.propose(answer, frame)); },
    delta: (frame) => live && came(frame.text),
    withdrawn: (frame) => { const answer = message(frame.message_id); if (answer) answers.withdraw(answer); },
    citations: (frame) => { const answer = message(frame.message_id); if (answer) answers.citations(answer, frame.citations, frame.grounded); },
    "turn.finished": finished,
    error: failed,
  };

  function heard(frame) {
    if (typeof frame.seq === "number") after = Math.max(after, frame.seq);
    if (frame.type !== "delta") draw();
    HEARD[frame.type]?.(frame);
  }

  /* Words are drawn once a frame, however many pieces of them have come; on a page that nobody sees, when somebody does. */
  let words = "";
  let drawing = 0;

  function came(text) {
    words += text;
    drawing ||= requestAnimationFrame(draw);
  }

  function draw() {
    cancelAnimationFrame(drawing);
    drawing = 0;
    const text = words;
    words = "";
    if (live && text) keepingPlace(() => answers.delta(live, text));
  }

  function started(frame) {
    one("[data-starters]")?.remove();
    const other = editing();
    let question = message(frame.question_id);
    const mine = asked?.frame.question_id === frame.question_id;
    if (!question && mine && asked.element) {
      question = asked.element;
      question.dataset.message = frame.question_id;
      question.id = `m-${frame.question_id}`;
    } else if (!question) {
      question = answers.user(frame.question_id, frame.question, frame.attachments);
    }
    if (!message(frame.message_id)) {
      const parent = frame.parent_id ? message(frame.parent_id) : null;
      const before = question.isConnected ? question.previousElementSibling : null;
      const gap = before?.matches("[data-gap]"); // what stands before it is not on the page yet
      if (frame.parent_id && !parent && !gap) return void afresh(); // of a branch that is not shown here
      if (!gap && (before !== parent || !question.isConnected)) {
        while (parent ? parent.nextElementSibling : thread.firstElementChild) (parent?.nextElementSibling ?? thread.firstElementChild).remove();
        thread.append(question);
      }
    }
    if (frame.decision) one("[data-edit]", question)?.remove(); // what was decided is not asked in other words
    answers.versions(question, frame.question_versions);
    if (mine) {
      composer.taken(asked.frame.text);
      asked = null;
    }
    deciding = null;
    const known = message(frame.message_id);
    while (!known && question.nextElementSibling) question.nextElementSibling.remove(); // older versions
    live = answers.begin(frame.message_id, known ?? undefined);
    answers.versions(live, frame.versions);
    if (!known) keepingPlace(() => question.after(live), true);
    if (other?.isConnected === false) rescue(other);
    busy(true);
    moving ??= setInterval(() => document.body.dispatchEvent(new CustomEvent("usage:changed")), METER_EVERY);
  }

  /** The page as it is now, without the message that its address led to. */
  function afresh() {
    rescue(editing());
    location.assign(location.pathname);
  }

  /** The form of a question that is being put in other words, and was not sent. */
  const editing = () => one("[data-edit-form]:not([inert])", thread);

  /** Its words are kept in the composer where another tab has put the question aside. */
  const rescue = (form) => form && composer.restore(one("textarea", form).value);

  function finished(frame) {
    const answer = message(frame.message_id);
    if (!answer) return void afresh(); // of a turn whose beginning was missed
    keepingPlace(() => answers.finish(answer, frame));
    announce.textContent = frame.status === "complete" ? gettext("The answer is finished.") : gettext("The answer has ended.");
    titled(frame.title);
    ended();
  }

  function failed(frame) {
    if (!frame.message_id) return refused(frame);
    const answer = message(frame.message_id);
    if (answer) keepingPlace(() => answers.fail(answer, frame));
    announce.textContent = frame.detail;
    ended();
  }

  /** The server did not take what was sent: give the words back. */
  function refused(frame) {
    if (deciding) {
      answers.decided(deciding, frame.code === "action_expired" ? "expired" : frame.code === "action_decided" ? "approved" : "waiting");
      deciding = null;
      busy(Boolean(live));
    }
    const mine = asked;
    asked = null;
    busy(Boolean(live));
    if (!mine || mine.form) {
      mine?.form.removeAttribute("inert"); // with its words, to be sent again
      return void toast(frame.detail, "warning");
    }
    mine.element.remove();
    composer.restore(mine.text);
    window.attachments?.restore(mine.files);
    composer.problem(frame.detail);
  }

  function ended() {
    live = null;
    clearInterval(moving);
    moving = null;
    busy(Boolean(held));
    if (held) send(held);
    held = null;
    document.body.dispatchEvent(new CustomEvent("usage:changed"));
  }

  function busy(on) {
    composer.busy(on);
    thread.setAttribute("aria-busy", String(on));
  }

  function titled(title) {
    const heading = one("[data-title]");
    if (!title || heading.textContent === title) return;
    heading.textContent = title;
    document.title = document.title.replace(/^.* · /, `${title} · `);
    const list = one("[data-conversations]");
    window.htmx?.ajax("GET", list.dataset.rows, { target: list, swap: "innerHTML" });
  }

  /* Scrolling yields to the reader ------------------------------------------------------------ */

  let atEnd = true;
  const near = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  let placed = 0; // where this script last scrolled to: a reader who scrolls up is told of a frame later
  const toEnd = () => { scroll.scrollTop = scroll.scrollHeight; placed = scroll.scrollTop; atEnd = true; latest.hidden = true; };

  function keepingPlace(change, always = false) {
    if (scroll.scrollTop < placed - 1 && !near()) atEnd = false;
    const follow = always || atEnd;
    change();
    if (follow) toEnd(); else latest.hidden = near();
  }

  scroll.addEventListener("scroll", () => { atEnd = near(); if (atEnd) latest.hidden = true; }, { passive: true });
  // The room changes where the composer grows, a problem is told, or a phone shows its keyboard: the end stays in sight.
  new ResizeObserver(() => { if (atEnd) toEnd(); }).observe(scroll);
  latest.addEventListener("click", () => { toEnd(); composer.focus(); });

  /* What people do ---------------------------------------------------------------------------- */

  composer.form.addEventListener("composer:send", (event) => {
    event.preventDefault();
    one("[data-starters]")?.remove();
    const { text, thorough } = event.detail;
    const files = window.attachments?.take() ?? [];
    const frame = { type: "ask", text, question_id: newId() };
    asked = { frame, text, files, element: answers.user("", text, files) };
    keepingPlace(() => thread.append(asked.element), true);
    busy(true);
    if (thorough) frame.thorough = true;
    if (files.length) frame.attachment_ids = files.map((file) => file.id);
    if (live) held = frame; else send(frame);
  });

  /** An id of a question's own; browsers have none ready where the address is no secure one. */
  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  /** No word follows; the server settles the rest of the stream before it takes the next question. */
  function stop() {
    send({ type: "stop" });
    draw();
    if (live) answers.stop(live);
    busy(false);
    announce.textContent = gettext("The answer is stopped.");
  }

  // Stop stands where Send stood: the second half of a double click on that is none on this.
  const second = (event) => event.detail > 1;
  composer.stop.addEventListener("click", (event) => { if (!second(event)) stop(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (!drawer.hidden) { closeDrawer(); return; }
    if (live && !composer.stop.hidden) { event.preventDefault(); stop(); }
  });

  thread.addEventListener("click", (event) => {
    const answer = event.target.closest("[data-message]");
    if (!answer) return;
    const chip = event.target.closest("a.cite");
    if (chip && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      openDrawer(answer, chip);
    } else if (event.target.closest("[data-approve], [data-decline]") && !live) {
      decide(event.target.closest("[data-action]"), event.target.closest("[data-approve]") !== null);
    } else if (event.target.closest("[data-regenerate]") && !live && !second(event)) {
      const again = { type: "regenerate", message_id: answer.dataset.message };
      send(composer.thorough() ? { ...again, thorough: true } : again);
    } else if (event.target.closest("[data-rate]")) {
      answers.rate(answer, event.target.closest("[data-rate]"));
    } else if (event.target.closest("[data-edit]") && !live && !asked) {
      edit(answer);
    } else if (event.target.closest("[data-copy-answer]")) {
      copy(answer);
    }
  });

  /** The decision is taken once: the buttons go as soon as it is sent, and come back if it is refused. */
  function decide(box, approve) {
    deciding = box;
    answers.decided(box, approve ? "approved" : "declined");
    send({ type: "confirm", action_id: box.dataset.action, approve });
    busy(true);
    composer.focus();
  }

  /** The question as a field; Enter asks it anew, Escape leaves it as it is. */
  function edit(question) {
    if (one("[data-edit-form]", question)) return;
    const text = one("[data-text]", question);
    const form = Object.assign(document.createElement("form"), { className: "message-edit" });
    form.dataset.editForm = "";
    const area = Object.assign(document.createElement("textarea"), { className: "textarea", value: text.textContent, rows: 3 });
    area.setAttribute("aria-label", gettext("The question in other words"));
    const row = Object.assign(document.createElement("div"), { className: "row" });
    const go = Object.assign(document.createElement("button"), { className: "button button--primary", textContent: gettext("Ask") });
    const cancel = Object.assign(document.createElement("button"), { className: "button", type: "button", textContent: gettext("Cancel") });
    row.append(go, cancel);
    form.append(area, row);
    const close = () => { form.remove(); text.hidden = false; one("[data-edit]", question).focus(); };
    cancel.addEventListener("click", close);
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.preventDefault(); close(); }
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const said = area.value.trim();
      if (!said || said === text.textContent.trim()) return void close();
      if (said.length > Number(composer.form.dataset.limit)) return void toast(gettext("A message holds at most {limit} characters.", { limit: composer.form.dataset.limit }), "warning");
      const frame = { type: "edit", message_id: question.dataset.message, text: said, question_id: newId() };
      if (composer.thorough()) frame.thorough = true;
      asked = { frame, form };
      form.setAttribute("inert", ""); // it goes with the question that it stands in, once the server has taken the words
      send(frame);
      busy(true);
      composer.focus();
    });
    text.hidden = true;
    text.after(form);
    area.focus();
  }

  async function copy(answer) {
    try {
      await copying.put(one("[data-answer]", answer));
      toast(gettext("Copied"), "success");
    } catch {
      toast(gettext("The browser did not allow copying. Select the text and copy it yourself."), "warning");
    }
  }

  /* The drawer of sources ----------------------------------------------------------------------- */

  let openedBy = null;

  function openDrawer(answer, chip) {
    const number = chip.textContent.trim();
    const body = one("[data-drawer-body]", drawer);
    body.replaceChildren(...[...answer.querySelectorAll("[data-source]")].map((source) => {
      const copied = source.cloneNode(true);
      if (copied.dataset.source === number) copied.setAttribute("aria-current", "true");
      return copied;
    }));
    drawer.hidden = false;
    openedBy?.removeAttribute("aria-expanded");
    openedBy = chip;
    const current = one("[aria-current]", body);
    current?.scrollIntoView({ block: "nearest" });
    (one("[aria-current] a", body) ?? one("[data-drawer-close]", drawer)).focus();
  }

  function closeDrawer() {
    drawer.hidden = true;
    openedBy?.focus();
    openedBy = null;
  }

  one("[data-drawer-close]", drawer).addEventListener("click", closeDrawer);

  /* Start ----------------------------------------------------------------------------------- */

  if (page.hasAttribute("data-running")) {
    live = one('[data-status="streaming"]', thread);
    busy(true);
  }
  const lastly = [...thread.querySelectorAll(".message--user [data-text]")].at(-1);
  if (lastly) composer.taken(lastly.textContent.trim());
  if (stretches.led()) atEnd = false; else toEnd();
  stretches.watch();
  connect();
})();
