/* The list lives: rows of documents under way are looked at together and replaced when they changed. */
(() => {
  "use strict";

  const rows = document.getElementById("rows");
  if (!rows) return;
  const news = document.querySelector("[data-live-news]");
  const EVERY = 1200;
  const AT_ONCE = 100;
  const ANY = "00000000-0000-0000-0000-000000000000"; // stands for the document in the menu's addresses
  let timer = 0;

  const live = () => [...rows.querySelectorAll("tr[data-live]")].map((row) => row.dataset.document).slice(0, AT_ONCE);

  function parse(html) {
    const holder = document.createElement("template");
    holder.innerHTML = `<table><tbody>${html}</tbody></table>`;
    return [...holder.content.querySelectorAll("tr")];
  }

  /** Put a row as the server renders it in place of the one shown; a row in use is left alone. */
  function place(fresh) {
    const old = document.getElementById(fresh.id);
    if (!old) {
      rows.prepend(fresh);
    } else {
      const told = old.dataset.status;
      if (old.outerHTML === fresh.outerHTML) return;
      if (old.querySelector("details[open]") && told === fresh.dataset.status) return;
      const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") ?? document.activeElement.tagName : "";
      const picked = old.querySelector('input[name="document"]')?.checked;
      old.replaceWith(fresh);
      if (picked) fresh.querySelector('input[name="document"]').checked = true;
      if (focused) (fresh.querySelector(`[href="${CSS.escape(focused)}"]`) ?? fresh.querySelector("summary"))?.focus();
      if (told !== fresh.dataset.status) announce(fresh);
    }
    window.htmx?.process(fresh);
  }

  function announce(row) {
    if (row.dataset.status === "ready") news.textContent = gettext("{name} is ready", { name: row.dataset.name });
    if (row.dataset.status === "failed") news.textContent = gettext("{name} failed", { name: row.dataset.name });
  }

  async function look(ids, added) {
    const query = new URLSearchParams(ids.map((id) => ["id", id]));
    const response = await tenantry.fetch(`${rows.dataset.rows}?${query}`, { headers: { Accept: "text/html" } });
    const counts = (response.headers.get("X-Counts") ?? "").split(",");
    document.querySelectorAll("[data-states] .count").forEach((count, place) => { count.textContent = counts[place] ?? ""; });
    const fresh = parse(await response.text());
    for (const row of fresh) if (added || document.getElementById(row.id)) place(row);
    const seen = new Set(fresh.map((row) => row.dataset.document));
    for (const id of ids) if (!seen.has(id)) document.getElementById(`document-${id}`)?.remove();
  }

  function schedule() {
    clearTimeout(timer);
    if (live().length) timer = setTimeout(tick, document.hidden ? 4 * EVERY : EVERY);
  }

  async function tick() {
    const ids = live();
    if (ids.length) {
      try { await look(ids, false); } catch { /* the next look tries again */ }
    }
    schedule();
  }

  /* The rows' menus are alike but for the document, so the page has one, which each takes when it is opened. */
  rows.addEventListener("unpack", ({ target: menu }) => {
    if (!menu.matches(".menu") || menu.querySelector(".menu__list")) return;
    const { document: id, name, status } = menu.closest("tr").dataset;
    const made = document.getElementById("document-menu").content.cloneNode(true);
    if (status !== "ready") made.querySelector("[data-ready]").remove();
    for (const element of made.querySelectorAll("*")) {
      for (const { name: attribute, value } of [...element.attributes]) {
        const filled = value.replaceAll(ANY, id).replaceAll("{name}", () => name);
        if (filled !== value) element.setAttribute(attribute, filled);
      }
    }
    menu.append(made);
    window.htmx?.process(menu);
  });

  /** A finished upload adds its row. */
  document.addEventListener("document:uploaded", async (event) => {
    document.querySelector("[data-table]").hidden = false;
    document.querySelector("[data-empty]")?.remove();
    try { await look([event.detail.id], true); } catch (error) { tenantry.toast(error.message, "danger"); }
    schedule();
  });
  document.addEventListener("htmx:afterSwap", schedule);
  schedule();
})();
