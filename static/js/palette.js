/* The command palette: Ctrl or Command with K opens it; what is typed narrows it, finds documents and conversations by
   their names, or is searched for. */
(() => {
  "use strict";

  const box = document.getElementById("palette");
  if (!box) return;
  const field = box.querySelector("[role=combobox]");
  const list = box.querySelector("[role=listbox]");
  const options = [...box.querySelectorAll("[role=option]")];
  const asks = options.filter((option) => option.dataset.ask);
  const shown = () => [...list.querySelectorAll("[role=option]:not([hidden])")];
  const AFTER = 150; // milliseconds without a key before names are looked up
  const KINDS = [
    { from: "/api/v1/documents/", to: "/documents/", icon: "documents", kind: gettext("Document"), name: (each) => each.name },
    { from: "/api/v1/conversations/", to: "/assistant/", icon: "assistant", kind: gettext("Conversation"), name: (each) => each.title || gettext("New conversation") },
  ];
  let chosen = null;
  let picked = false; // by an arrow: what is found later does not change it
  let timer = 0;
  let seeking = null;

  function choose(option) {
    chosen = option;
    for (const each of list.querySelectorAll("[role=option]")) each.setAttribute("aria-selected", String(each === option));
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  /** Each word that is typed must begin a word of the option; the last two options take anything. */
  function narrow() {
    const typed = field.value.trim();
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    for (const option of options) {
      if (option.dataset.ask) {
        option.hidden = !typed;
        option.querySelector("q").textContent = typed;
      } else {
        const said = `${option.textContent} ${option.dataset.words}`.toLowerCase().split(/\s+/);
        option.hidden = !words.every((word) => said.some((each) => each.startsWith(word)));
      }
    }
    picked = false;
    found([]);
    choose(shown()[0] ?? null);
    seek(typed);
  }

  /** Look for what is called so, once nothing more is typed. */
  function seek(typed) {
    clearTimeout(timer);
    seeking?.abort();
    if (typed.length < 2) return;
    timer = setTimeout(async () => {
      const { signal } = seeking = new AbortController();
      const query = new URLSearchParams({ q: typed, limit: 4 });
      const answers = await Promise.allSettled(KINDS.map(async ({ from }) => (await (await tenantry.fetch(`${from}?${query}`, { signal })).json()).results));
      if (!signal.aborted) found(answers.flatMap(({ value = [] }, place) => value.map((each) => made(KINDS[place], each))));
    }, AFTER);
  }

  function made({ to, icon, kind, name }, each) {
    const option = Object.assign(document.createElement("div"), { className: "menu__item", id: `palette-${each.id}` });
    option.setAttribute("role", "option");
    option.dataset.to = `${to}${each.id}/`;
    option.dataset.found = "";
    option.append(
      tenantry.icon(icon),
      Object.assign(document.createElement("span"), { className: "truncate row__grow", textContent: name(each) }),
      Object.assign(document.createElement("span"), { className: "small muted", textContent: kind }),
    );
    return option;
  }

  /** Show what was found before what searches for it; it is chosen if nothing else was. */
  function found(some) {
    for (const old of list.querySelectorAll("[data-found]")) old.remove();
    asks[0]?.before(...some);
    if (some.length && !picked && (!chosen?.isConnected || asks.includes(chosen))) choose(some[0]);
  }

  function run(option) {
    const { to, ask, press } = option.dataset;
    box.close();
    if (press) document.querySelector(press)?.click();
    else location.assign(ask ? ask + encodeURIComponent(field.value.trim()) : to);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    if (!box.open && document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (box.open) return void box.close();
    field.value = "";
    narrow();
    box.showModal();
    field.focus();
  });

  // Also when a button opens it.
  new MutationObserver(() => { if (box.open) { narrow(); field.focus(); } }).observe(box, { attributeFilter: ["open"] });

  field.addEventListener("input", narrow);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const all = shown();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) {
      event.preventDefault();
      picked = true;
      choose(all[(all.indexOf(chosen) + step + all.length) % all.length]);
    } else if (event.key === "Enter" && chosen) {
      event.preventDefault();
      run(chosen);
    }
  });
  box.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) run(option);
  });
})();
