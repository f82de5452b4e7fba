/* What every page shares: toasts, dialogs, menus, tabs, shortcuts, the theme switch, copy buttons,
   htmx's CSRF header and its failures. Public names: toast(text, kind), gettext, ngettext, tenantry.{toast, fetch, problem, dialog, confirm, icon, number, kept}. */
(() => {
  "use strict";

  const root = document.documentElement;
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const meta = (name) => one(`meta[name="${name}"]`)?.content ?? "";

  /* Words: English is in the sources; texts.<language>.js, loaded before this, holds the language's. */

  const texts = window.texts ?? {};
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values?.[name] ?? whole);

  /** A text in the page's language, each {name} in it replaced by its value. */
  function gettext(text, values) {
    return filled(texts[text] ?? text, values);
  }

  /** The form of a text for a number of things. */
  function ngettext(singular, plural, number, values) {
    return filled((texts[singular] ?? [singular, plural])[number === 1 ? 0 : 1], values);
  }

  /** A number as the page's language writes it. */
  const number = (value) => value.toLocaleString(root.lang || "en");

  /** An icon from the sprite, as an element. */
  function icon(name, extra = "") {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `icon ${extra}`.trim());
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${meta("icons")}#${name}`);
    svg.append(use);
    return svg;
  }

  /* Toasts */

  const TOAST_ICONS = { info: "info", success: "success", warning: "warning", danger: "danger" };

  /** Say something in the corner. kind: info, success, warning or danger; the last two stay until closed. */
  function toast(text, kind = "info") {
    const region = one("#toasts");
    if (!region || !text) return;
    const known = TOAST_ICONS[kind] ? kind : "info";
    const box = document.createElement("div");
    box.className = `toast toast--${known}`;
    if (known === "danger") box.setAttribute("role", "alert");
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "toast__close";
    close.setAttribute("aria-label", gettext("Dismiss"));
    close.append(icon("close"));
    close.addEventListener("click", () => box.remove());
    box.append(icon(TOAST_ICONS[known]), words, close);
    region.append(box);
    while (region.children.length > 4) region.firstElementChild.remove();
    if (known === "info" || known === "success") expire(box);
  }

  /** Take a toast away after six seconds, unless someone is reading it. */
  function expire(box) {
    let timer = setTimeout(() => box.remove(), 6000);
    box.addEventListener("pointerenter", () => clearTimeout(timer));
    box.addEventListener("focusin", () => clearTimeout(timer));
    box.addEventListener("pointerleave", () => { timer = setTimeout(() => box.remove(), 3000); });
  }

  /* Failures */

  const BY_STATUS = {
    0: gettext("The server could not be reached. Check your connection and try again."),
    401: gettext("You are signed out. Sign in again to go on."),
    402: gettext("This workspace has used up its allowance. See Usage for the way on."),
    403: gettext("Your role does not allow this. Ask an admin of the workspace."),
    404: gettext("This is no longer here, or you may not see it. Reload the page."),
    409: gettext("Someone changed this meanwhile. Reload the page and try again."),
    413: gettext("That file is too large."),
    415: gettext("That kind of file cannot be read."),
    429: gettext("Too many requests at once. Wait a moment and try again."),
    503: gettext("This is busy or being restarted. Try again in a minute."),
  };

  /** One sentence for a failed response: problem+json's own words where there are any. */
  function problem(status, type = "", body = "", retryAfter = "") {
    if (status === 401) return BY_STATUS[401]; // the API's words are for programs
    if (type.includes("json")) {
      try {
        const said = JSON.parse(body);
        const words = said.detail || said.title;
        if (words && said.code === "rate_limited" && retryAfter) return gettext("{words} Try again in {seconds} s.", { words, seconds: retryAfter });
        if (words) return String(words);
      } catch { /* not JSON after all: speak by status */ }
    }
    return BY_STATUS[status] ?? (status >= 500
      ? gettext("Something failed on our side. Nothing was lost; try again.")
      : gettext("That did not work. Check what you entered and try again."));
  }

  /** fetch() with the CSRF header; failures become an Error with status, code and a sentence for people. */
  async function send(url, options = {}) {
    const headers = new Headers(options.headers);
    headers.set("X-CSRFToken", meta("csrf-token"));
    if (!headers.has("Accept")) headers.set("Accept", "application/json");
    let response;
    try {
      response = await fetch(url, { credentials: "same-origin", ...options, headers });
    } catch (cause) {
      if (!options.signal?.aborted) reach.missed();
      throw Object.assign(new Error(BY_STATUS[0], { cause }), { status: 0, code: "network" });
    }
    if (response.ok) return response;
    if (response.status === 401) signIn(options.here);
    const body = await response.text();
    const words = problem(response.status, response.headers.get("Content-Type") ?? "", body, response.headers.get("Retry-After") ?? "");
    let code = String(response.status);
    try { code = JSON.parse(body).code ?? code; } catch { /* no code given */ }
    throw Object.assign(new Error(words), { status: response.status, code });
  }

  const here = () => location.pathname + location.search;
  let then = "";

  /** Lead to the sign-in and back; what the page keeps goes along. The first to learn of it knows best where one was. */
  function signIn(at = here()) {
    if (!then) addEventListener("pagehide", () => {
      try { sessionStorage.carried = JSON.stringify([then, history.state]); } catch { /* no storage */ }
      then = "";
    }, { once: true });
    then ||= at;
    location.assign(`/sign-in/?next=${encodeURIComponent(then)}`);
  }

  /* Dialogs */

  function dialog(id) {
    const box = document.getElementById(id);
    if (box instanceof HTMLDialogElement && !box.open) box.showModal();
    return box;
  }

  /** Ask before doing: resolves to true or false. Uses the dialog that every page carries. */
  function confirm(title, text = "", action = gettext("Continue"), danger = false) {
    const box = one("#confirm");
    if (!box) return Promise.resolve(false);
    one("[data-confirm-title]", box).textContent = title;
    one("[data-confirm-text]", box).textContent = text;
    const go = one("[data-confirm-action]", box);
    go.textContent = action;
    go.className = danger ? "button button--danger" : "button button--primary";
    box.returnValue = "";
    box.showModal();
    return new Promise((resolve) => {
      box.addEventListener("close", () => resolve(box.returnValue === "yes"), { once: true });
    });
  }

  /** A link out of rendered Markdown opens only after its whole address was shown. */
  async function leave(address) {
    let url;
    try { url = new URL(address); } catch { return; }
    if (!["https:", "http:", "mailto:"].includes(url.protocol)) return;
    if (await confirm(gettext("Open this address?"), url.href, gettext("Open"))) window.open(url.href, "_blank", "noopener,noreferrer");
  }

  /* The second half of a double click presses nothing beneath a dialog that the first has closed. */
  let last = {};
  document.addEventListener("click", (event) => {
    const { target, detail, x, y, timeStamp: at } = event;
    if (target.closest?.("dialog")) last = { x, y, at };
    else if (detail && at - last.at < 500 && Math.hypot(x - last.x, y - last.y) < 9) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);

  /* Clicks: one listener for everything declared with a data attribute */

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    for (const menu of all("details.menu[open]")) {
      if (!menu.contains(target) || target.closest(".menu__item")) menu.open = false;
    }
    const opener = target.closest("[data-dialog-open]");
    if (opener) return void dialog(opener.dataset.dialogOpen);
    const closer = target.closest("[data-dialog-close]");
    if (closer) return void closer.closest("dialog")?.close();
    if (target instanceof HTMLDialogElement && target.open && outside(target, event)) return void target.close();
    const copier = target.closest("[data-copy]");
    if (copier) return void copy(copier);
    const themed = target.closest("[data-theme-choice]");
    if (themed) return void chooseTheme(themed.dataset.themeChoice);
    const pane = target.closest("[data-pane-show]");
    if (pane) { const split = pane.closest(".split"); if (split) split.dataset.pane = pane.dataset.paneShow; return; }
    const toasted = target.closest("[data-toast]");
    if (toasted) return void toast(toasted.dataset.toast, toasted.dataset.toastKind);
    const link = target.closest("[data-href]");
    if (link) { event.preventDefault(); leave(link.dataset.href); }
  });

  function outside(box, event) {
    const edge = box.getBoundingClientRect();
    return event.clientX < edge.left || event.clientX > edge.right || event.clientY < edge.top || event.clientY > edge.bottom;
  }

  /* What a fold holds as a template is put in its place when opened: a page of hundreds is ready sooner. */

  function unpack(fold) {
    fold.dispatchEvent(new Event("unpack", { bubbles: true }));
    const held = one(":scope > template", fold);
    held?.replaceWith(held.content);
  }
  document.addEventListener("toggle", ({ target }) => { if (target.open) unpack(target); }, true);

  /* Menus inside something that scrolls would be cut off: they are placed over the page instead. */

  const SCROLLERS = ".table-wrap, .split__list, .split__scroll, .split__aside, .dialog";

  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLDetailsElement) || !menu.matches(".menu")) return;
    const list = one(".menu__list", menu);
    if (!list || !menu.closest(SCROLLERS)) return;
    list.removeAttribute("data-placed");
    if (!menu.open) return;
    const at = one("summary", menu).getBoundingClientRect();
    const { width, height } = list.getBoundingClientRect();
    const below = at.bottom + 4 + height <= innerHeight || at.top < height + 8;
    const start = menu.matches(".menu--start") ? at.left : at.right - width;
    list.style.setProperty("--menu-top", `${Math.max(8, below ? at.bottom + 4 : at.top - height - 4)}px`);
    list.style.setProperty("--menu-left", `${Math.min(Math.max(8, start), innerWidth - width - 8)}px`);
    list.setAttribute("data-placed", "");
  }, true);

  const leavePlaced = () => { for (const list of all(".menu[open] > .menu__list[data-placed]")) list.parentElement.open = false; };
  document.addEventListener("scroll", leavePlaced, { capture: true, passive: true });
  addEventListener("resize", leavePlaced);

  /* Arrows, Home and End walk through a menu; from its closed button they open it. */
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu");
    if (!menu || !(menu.open ? /^(Arrow(Down|Up)|Home|End)$/ : /^Arrow(Down|Up)$/).test(event.key)) return;
    event.preventDefault();
    unpack(menu);
    menu.open = true;
    const items = all(".menu__item", menu);
    const at = items.indexOf(event.target);
    const next = { ArrowDown: at + 1, ArrowUp: Math.max(at, 0) - 1, Home: 0, End: -1 }[event.key];
    items.at(next % items.length)?.focus({ preventScroll: true });
  });
  document.addEventListener("focusout", ({ target, relatedTarget: to }) => {
    const menu = target.closest?.("details.menu");
    if (to && menu && !menu.contains(to) && !to.closest("dialog")) menu.open = false;
  });

  /** data-copy="text", or data-copy="#id" for an element's text. */
  async function copy(button) {
    const wanted = button.dataset.copy;
    const text = wanted.startsWith("#") ? one(wanted)?.textContent ?? "" : wanted;
    try {
      await navigator.clipboard.writeText(text);
      toast(gettext("Copied"), "success");
    } catch {
      toast(gettext("The browser did not allow copying. Select the text and copy it yourself."), "warning");
    }
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset?.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    const { confirm: title, confirmText, confirmAction, confirmDanger } = form.dataset;
    if (await confirm(title, confirmText, confirmAction ?? gettext("Continue"), confirmDanger !== undefined)) {
      form.dataset.confirmed = "1";
      form.requestSubmit(event.submitter);
      delete form.dataset.confirmed;
    }
  });

  /* Theme */

  function chooseTheme(choice) {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice; else delete root.dataset.theme;
    try {
      if (choice === "system") localStorage.removeItem("theme"); else localStorage.setItem("theme", choice);
    } catch { /* storage denied: the choice holds for this page */ }
    showTheme();
  }

  function showTheme() {
    const chosen = root.dataset.theme ?? "system";
    for (const button of all("[data-theme-choice]")) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
  }

  /* Tabs: role=tablist with role=tab buttons; arrow keys move, the panel follows */

  function selectTab(tab) {
    for (const other of all('[role="tab"]', tab.closest('[role="tablist"]'))) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(other.getAttribute("aria-controls"));
      if (panel) panel.hidden = !chosen;
    }
  }

  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.('[role="tab"]');
    if (tab) selectTab(tab);
  });

  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.('[role="tab"]');
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!tab || !step) return;
    const tabs = all('[role="tab"]', tab.closest('[role="tablist"]'));
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    selectTab(next);
    next.focus();
  });

  /* Shortcuts: ? opens the sheet, g + letter goes somewhere, data-shortcut presses its element */

  let going = 0;
  const off = () => { try { return localStorage.getItem("shortcuts") === "off"; } catch { return false; } };
  const typing = (element) => element.matches?.("input, textarea, select, [contenteditable]:not([contenteditable=false])");

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = all("details.menu[open]").pop();
      if (open) { open.open = false; one("summary", open)?.focus(); event.preventDefault(); }
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (one("dialog[open]") || off()) return;
    if (event.key === "?" && dialog("shortcuts")) return void event.preventDefault();
    const wentTo = performance.now() - going < 1200 && all("[data-go]").find((link) => link.dataset.go === event.key);
    if (wentTo) return void location.assign(wentTo.href);
    if (event.key === "g") { going = performance.now(); return; }
    const pressed = all("[data-shortcut]").find((element) => element.dataset.shortcut === event.key);
    if (!pressed) return;
    event.preventDefault();
    if (typing(pressed)) { pressed.focus(); pressed.select?.(); } else pressed.click();
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches?.("[data-shortcuts-toggle]")) return;
    try { localStorage.setItem("shortcuts", event.target.checked ? "on" : "off"); } catch { /* storage denied */ }
  });

  /* Text areas grow with their text where the browser cannot do it by itself */

  if (!CSS.supports("field-sizing", "content")) {
    document.addEventListener("input", (event) => {
      const area = event.target;
      if (!(area instanceof HTMLTextAreaElement)) return;
      area.style.blockSize = "auto";
      area.style.blockSize = `${area.scrollHeight + 2}px`;
    });
  }

  /* A paste beyond a field's limit is told and kept, not cut: nothing is sent until it fits */

  document.addEventListener("focusin", ({ target: field }) => {
    if (!(field.maxLength > 0)) return;
    field.dataset.most = field.maxLength;
    field.removeAttribute("maxlength");
  });
  document.addEventListener("input", ({ target: field }) => {
    if (!field.dataset?.most) return;
    const most = Number(field.dataset.most);
    const over = [...field.value].length - most;
    field.setCustomValidity(over > 0 ? gettext("At most {most} characters. Shorten it by {over}.", { most: number(most), over: number(over) }) : "");
    if (over > 0) field.reportValidity();
  });

  /* htmx */

  document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-CSRFToken"] = meta("csrf-token"); });
  /* A page that says it in its own place takes the event over with preventDefault. */
  document.addEventListener("htmx:sendError", (event) => { if (!event.defaultPrevented) toast(BY_STATUS[0], "danger"); });
  document.addEventListener("htmx:timeout", (event) => { if (!event.defaultPrevented) toast(gettext("That took too long. Try again."), "danger"); });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.defaultPrevented) return;
    const { xhr, elt } = event.detail;
    if (xhr.status === 401) return signIn();
    if (elt?.closest?.("[data-quiet]")) return void all(".skeleton", elt).forEach((line) => line.remove());
    const header = (name) => xhr.getResponseHeader(name) ?? "";
    toast(problem(xhr.status, header("Content-Type"), xhr.responseText, header("Retry-After")), xhr.status === 429 ? "warning" : "danger");
  });
  document.addEventListener("htmx:confirm", (event) => {
    const question = event.detail.question;
    if (!question) return;
    event.preventDefault();
    const { confirmText, confirmAction, confirmDanger } = event.detail.elt.dataset;
    confirm(question, confirmText, confirmAction ?? gettext("Continue"), confirmDanger !== undefined).then((yes) => {
      if (yes) event.detail.issueRequest(true);
    });
  });
  /* HX-Trigger: {"toast": "Saved"} or {"toast": {"text": "Saved", "kind": "success"}} */
  document.addEventListener("toast", (event) => {
    const said = event.detail ?? {};
    toast(said.text ?? said.value ?? String(said), said.kind ?? "success");
  });

  /* What a page keeps in its entry of the tab's history: it comes back after a reload and by the back button, for whoever
     is signed in then as now, and goes with the tab. Pages themselves are stored nowhere. */

  const visitor = () => one("[data-visitor]")?.dataset.visitor;
  const kept = Object.freeze({
    get: (name) => (history.state && history.state.visitor === visitor() ? history.state[name] : undefined),
    set(name, value) {
      const before = history.state?.visitor === visitor() ? history.state : {};
      try { history.replaceState({ ...before, visitor: visitor(), [name]: value }, ""); } catch { /* more than a browser keeps */ }
    },
  });

  /* Start */

  if (visitor()) try {
    const [at, state] = JSON.parse(sessionStorage.carried ?? "[]");
    delete sessionStorage.carried;
    if (at === here() && state?.visitor === visitor()) history.replaceState(state, "");
  } catch { /* no storage */ }

  showTheme();
  for (const box of all(".toast")) {
    one(".toast__close", box)?.addEventListener("click", () => box.remove());
    if (!box.matches(".toast--danger, .toast--warning")) expire(box);
  }
  for (const box of all("dialog[data-open]")) dialog(box.id); // its form was refused
  const toggle = one("[data-shortcuts-toggle]");
  if (toggle) toggle.checked = !off();

  // What was opened before htmx listened is told once more.
  document.addEventListener("DOMContentLoaded", () => {
    for (const each of all("details[open][hx-trigger^=toggle]")) each.dispatchEvent(new Event("toggle"));
  });

  window.toast = toast;
  window.gettext = gettext;
  window.ngettext = ngettext;
  /* Navigation that does not fit scrolls: the page one is on is to be seen. */
  for (const bar of all(".settings__nav, .tabs")) {
    const current = one("[aria-current]", bar);
    if (!current || bar.scrollWidth <= bar.clientWidth) continue;
    const [inner, outer] = [current.getBoundingClientRect(), bar.getBoundingClientRect()];
    bar.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }

  window.tenantry = Object.freeze({ toast, fetch: send, problem, dialog, confirm, icon, number, kept });
})();
