/* The composer: Enter sends, Shift+Enter makes a line, the limit is told before it is reached.
   A message whose files are still being read waits for them and then goes; that can be taken back.
   Dispatches "composer:send" (detail.text and .thorough; preventDefault takes it over) on its form; without a
   listener the form is sent as forms are. Public: window.composer {form, stop, focus(), thorough(), restore(text), busy(on), problem(text), taken(text)}. */
(() => {
  "use strict";

  const form = document.querySelector("[data-composer]");
  if (!form) return;
  const area = form.querySelector("textarea");
  const count = form.querySelector("[data-count]");
  const send = form.querySelector("[data-send]");
  const stop = form.querySelector("[data-stop]");
  const problem = document.querySelector("[data-problem]");
  const thorough = form.querySelector("[data-thorough]"); // only where the plan has the choice
  const limit = Number(form.dataset.limit);
  const WAIT = gettext("The answer is still being written. Send this when it is done, or stop it first.");
  let busy = false;
  let sent = false;
  const pending = form.querySelector("[data-pending]"); // only where files can be attached
  let holding = false; // the message waits for its files

  area.removeAttribute("required"); // said here, in our own words
  area.removeAttribute("maxlength"); // a paste beyond the limit is told, not cut

  function say(text) {
    problem.textContent = text;
    problem.hidden = !text;
  }

  function measure() {
    const length = area.value.trim().length;
    count.hidden = length < limit * 0.8;
    count.textContent = gettext("{length} of {limit} characters", { length: tenantry.number(length), limit: tenantry.number(limit) });
    if (length > limit) say(gettext("A message holds at most {limit} characters. Shorten it by {over}.", { limit: tenantry.number(limit), over: tenantry.number(length - limit) }));
    else if (!problem.hidden) say("");
    send.disabled = length > limit;
  }

  /* What is written is kept for this tab, for each conversation, across a reload, until the server has taken it. */
  const kept = `draft:${form.getAttribute("action")}`;
  const first = "draft:/assistant/"; // of a conversation's first message, which is written before there is one
  const keep = (text = area.value) => { try { if (text) sessionStorage.setItem(kept, text); else sessionStorage.removeItem(kept); } catch { /* no storage: nothing is kept */ } };
  try { if (!area.value) area.value = sessionStorage.getItem(kept) ?? ""; } catch { /* no storage */ }

  area.addEventListener("input", () => { measure(); keep(); });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (!send.disabled && !holding) form.requestSubmit();
  });

  form.addEventListener("submit", (event) => {
    const text = area.value.trim();
    if (busy) {
      event.preventDefault();
      if (text) say(WAIT);
      return;
    }
    if (!text || text.length > limit) {
      event.preventDefault();
      if (!text) { say(gettext("Write something first.")); area.focus(); }
      return;
    }
    const trouble = window.attachments?.trouble();
    if (trouble) { event.preventDefault(); say(trouble); return; }
    if (window.attachments?.reading()) { event.preventDefault(); hold(true); return; }
    const asked = new CustomEvent("composer:send", { detail: { text, thorough: Boolean(thorough?.checked) }, cancelable: true });
    if (!form.dispatchEvent(asked)) {
      event.preventDefault();
      set("");
      keep(text);
      return;
    }
    if (reach.doubted()) return; // it waits on this page until the server answers
    if (sent) event.preventDefault(); // the page is already on its way
    else window.attachments?.take(true);
    sent = true;
    send.disabled = true;
  });
  /** Let the message wait for its files, its words as they are, or no longer. */
  function hold(on, focus = true) {
    if (on === holding) return;
    holding = on;
    area.readOnly = on;
    send.hidden = on || busy;
    pending.hidden = !on;
    if (on) say("");
    if (focus) area.focus();
  }

  function proceed() {
    const trouble = holding && window.attachments.trouble();
    if (trouble) { hold(false, false); say(trouble); }
    if (!holding || busy || window.attachments.reading()) return;
    hold(false, false);
    form.requestSubmit();
  }

  form.addEventListener("attach:changed", (event) => { if (event.detail === "removed") hold(false); else proceed(); });
  pending?.querySelector("button").addEventListener("click", () => hold(false));
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !holding) return;
    event.preventDefault();
    hold(false);
  });

  form.addEventListener("held", (event) => { event.preventDefault(); say(event.detail); });
  // Back from where a first message led: the server has its words, and they are no draft any more.
  addEventListener("pageshow", () => {
    try { if (sent && sessionStorage.getItem(kept) === null) set(""); } catch { /* no storage */ }
    sent = false;
    measure();
  });

  function set(text) {
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("click", (event) => {
    const suggestion = event.target.closest?.("[data-suggestion]");
    if (!suggestion || busy || holding) return;
    set(suggestion.textContent.trim());
    form.requestSubmit();
  });

  window.composer = {
    form,
    stop,
    focus: () => area.focus(),
    thorough: () => Boolean(thorough?.checked),
    restore: (text) => { if (!area.value) set(text); },
    problem: say,
    /** The server has these words: they are no draft any more. */
    taken(text) {
      if (area.value.trim() === text) set("");
      try {
        for (const name of [kept, first]) if (sessionStorage.getItem(name)?.trim() === text) sessionStorage.removeItem(name);
      } catch { /* no storage */ }
    },
    busy(on) {
      busy = on;
      if (!on && problem.textContent === WAIT) say("");
      if (on && document.activeElement === send) area.focus();
      send.hidden = on || holding;
      stop.hidden = !on;
      stop.disabled = false;
      queueMicrotask(proceed);
    },
  };
  measure();
})();
