/* The command palette: Ctrl or Command with K opens it; what is typed narrows it or is searched for. */
(() => {
  "use strict";

  const box = document.getElementById("palette");
  if (!box) return;
  const field = box.querySelector("[role=combobox]");
  const options = [...box.querySelectorAll("[role=option]")];
  const shown = () => options.filter((option) => !option.hidden);
  let chosen = null;

  function choose(option) {
    chosen = option;
    for (const each of options) each.setAttribute("aria-selected", String(each === option));
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
    choose(shown()[0] ?? null);
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
