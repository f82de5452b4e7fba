/* Files of the next message: chosen, pasted or dropped; sent, read, shown as chips, taken back.
   Dispatches "attach:changed" on the composer's form when a file is ready, failed or taken back (detail).
   Public: window.attachments {trouble(), reading(), take(), restore(items), size(bytes)}; an item has id, name and size. */
(() => {
  "use strict";

  const form = document.querySelector("[data-composer]");
  const box = form?.querySelector("[data-attached]");
  if (!box) return;
  const gettext = window.gettext ?? ((text, values = {}) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]));
  const input = form.querySelector("[data-attach-input]");
  const area = form.querySelector("textarea");
  const zone = form.closest(".split__body");
  const blank = form.querySelector("template[data-blank='chip']").content.firstElementChild;
  const announce = form.querySelector("[data-attach-announce]");
  const most = Number(box.dataset.most);
  const limit = Number(box.dataset.fileBytes);
  const suffixes = box.dataset.suffixes.split(",");
  const LOOK_EVERY = 800; // milliseconds between looks at how far the reading is
  let items = [];
  let conversation = box.dataset.conversation || null; // its id, or a promise of it

  const changed = (detail) => form.dispatchEvent(new CustomEvent("attach:changed", { detail }));
  const size = (bytes) => bytes < 1024 ? ngettext("{n} byte", "{n} bytes", bytes, { n: bytes }) : bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;

  function trouble(file) {
    if (!suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix))) return gettext("This kind of file cannot be read.");
    if (!file.size) return gettext("This file is empty.");
    if (file.size > limit) return gettext("Too large: {size}, the limit is {limit}.", { size: size(file.size), limit: size(limit) });
    return "";
  }

  function add(files) {
    for (const file of files) {
      if (items.length >= most) { toast(gettext("A message takes {most} files. Send some of them with the next one.", { most }), "warning"); return; }
      const refused = trouble(file);
      const item = show({ name: file.name || "pasted", size: file.size, file, state: refused ? "failed" : "sending", note: refused, share: 0 });
      if (!refused) send(item);
    }
  }

  function show(item) {
    item.chip = blank.cloneNode(true);
    item.chip.querySelector("[data-chip-name]").textContent = item.name;
    item.chip.title = item.name;
    const drop = item.chip.querySelector("[data-chip-remove]");
    drop.setAttribute("aria-label", gettext("Remove {name}", { name: item.name }));
    drop.addEventListener("click", () => remove(item));
    items.push(item);
    box.append(item.chip);
    paint(item);
    return item;
  }

  function paint(item) {
    const words = item.note || { sending: gettext("Sending"), reading: gettext("Reading"), ready: size(item.size) }[item.state] || "";
    item.chip.dataset.state = item.state;
    item.chip.querySelector("[data-chip-note]").textContent = words;
    const bar = item.chip.querySelector("progress");
    bar.hidden = !["sending", "reading"].includes(item.state);
    bar.value = item.share;
    bar.setAttribute("aria-label", words);
    box.hidden = !items.length;
  }

  function failed(item, words) {
    if (item.state === "gone") return;
    item.state = "failed";
    item.note = words;
    paint(item);
    announce.textContent = `${item.name}: ${words}`;
    changed("failed");
  }

  /** Make the conversation that a first file needs; the message then goes to it. */
  async function holder() {
    conversation ??= tenantry.fetch("/api/v1/conversations/", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" })
      .then((answer) => answer.json())
      .then((made) => { form.setAttribute("action", `/assistant/${made.id}/`); return made.id; });
    try { return await conversation; } catch (error) { conversation = null; throw error; }
  }

  const address = (id, item) => `/api/v1/conversations/${id}/attachments/${item ? `${item}/` : ""}`;

  async function send(item) {
    let to;
    try { to = address(await holder()); } catch (error) { return failed(item, error.message); }
    if (item.state === "gone") return;
    const body = new FormData();
    body.append("file", item.file, item.name);
    const xhr = item.xhr = new XMLHttpRequest();
    xhr.open("POST", to);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("X-CSRFToken", document.querySelector('meta[name="csrf-token"]').content);
    xhr.upload.addEventListener("progress", (event) => { if (event.lengthComputable) { item.share = (50 * event.loaded) / event.total; paint(item); } });
    xhr.addEventListener("error", () => failed(item, tenantry.problem(0)));
    xhr.addEventListener("load", () => {
      if (![200, 201].includes(xhr.status)) return failed(item, tenantry.problem(xhr.status, xhr.getResponseHeader("Content-Type") ?? "", xhr.responseText, xhr.getResponseHeader("Retry-After") ?? ""));
      const taken = JSON.parse(xhr.responseText);
      if (items.some((other) => other !== item && other.id === taken.id)) { forget(item); return changed("ready"); } // it is here already
      item.id = taken.id;
      document.body.dispatchEvent(new CustomEvent("usage:changed"));
      told(item, taken);
    });
    xhr.send(body);
  }

  function told(item, now) {
    if (item.state === "gone") return;
    if (now.error) return failed(item, now.error.detail);
    item.state = now.status === "ready" ? "ready" : "reading";
    item.share = 50 + 50 * now.progress;
    paint(item);
    if (item.state === "ready") { announce.textContent = gettext("{name} is ready.", { name: item.name }); changed("ready"); }
    else item.timer = setTimeout(() => look(item), LOOK_EVERY);
  }

  async function look(item) {
    try {
      const answer = await tenantry.fetch(address(await conversation, item.id));
      told(item, await answer.json());
    } catch (error) {
      if (error.status === 404) failed(item, error.message);
      else if (item.state !== "gone") item.timer = setTimeout(() => look(item), 4 * LOOK_EVERY); // the connection is away
    }
  }

  function forget(item) {
    item.state = "gone";
    clearTimeout(item.timer);
    item.xhr?.abort();
    item.chip.remove();
    items = items.filter((other) => other !== item);
    box.hidden = !items.length;
  }

  async function remove(item) {
    forget(item);
    changed("removed");
    area.focus();
    announce.textContent = gettext("{name} was removed.", { name: item.name });
    if (!item.id) return;
    try {
      await tenantry.fetch(address(await conversation, item.id), { method: "DELETE" });
      document.body.dispatchEvent(new CustomEvent("usage:changed"));
    } catch (error) {
      if (![404, 409].includes(error.status)) toast(error.message, "warning"); // one that a message has stays with it
    }
  }

  form.querySelector("[data-attach]").addEventListener("click", () => input.click());
  input.addEventListener("change", () => { add([...input.files]); input.value = ""; area.focus(); });
  area.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const over = (on) => form.toggleAttribute("data-over", on);
  zone.addEventListener("dragenter", (event) => { if (carries(event)) { depth += 1; over(true); } });
  zone.addEventListener("dragleave", (event) => { if (carries(event) && (depth -= 1) <= 0) { depth = 0; over(false); } });
  zone.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  zone.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    add([...event.dataTransfer.files]);
  });

  for (const unsent of box.querySelectorAll("[data-unsent]")) {
    const { id, name, bytes, status, progress, problem } = unsent.dataset;
    unsent.remove();
    const item = show({ id, name, size: Number(bytes), state: "reading", share: 50 });
    told(item, { status, progress: Number(progress), error: problem ? { detail: problem } : null });
  }

  window.attachments = {
    /** Why the message cannot go yet; empty if it can. */
    trouble() {
      if (items.some((item) => item.state === "failed")) return gettext("Remove the file that could not be read, then send.");
      return "";
    },
    /** Whether a file is not read yet: the message waits for it. */
    reading: () => items.some((item) => item.state !== "ready"),
    /** The files of the message that goes now; without a script that takes it over, as fields of the form. */
    take(fields = false) {
      const taken = items.map(({ id, name, size: bytes }) => ({ id, name, size: bytes }));
      for (const { id } of fields ? taken : []) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "attachment", value: id }));
      if (!fields) for (const item of [...items]) forget(item);
      return taken;
    },
    restore(taken) { for (const one of taken) show({ ...one, state: "ready", share: 100 }); },
    size,
  };
})();
