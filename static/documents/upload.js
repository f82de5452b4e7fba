/* Uploads: files are chosen or dropped, checked here first, then sent three at a time: large ones
   straight to storage, by multipart.js. What a reload cut off waits for its file. */
(() => {
  "use strict";

  const form = document.getElementById("upload");
  if (!form) return;
  const AT_ONCE = 3;
  const input = form.querySelector("#files");
  const folder = form.querySelector("[data-folder]");
  const zone = form.querySelector("[data-dropzone]");
  const queue = form.querySelector("[data-queue]");
  const list = form.querySelector("[data-queue-items]");
  const summary = form.querySelector("[data-queue-summary]");
  const start = form.querySelector("[data-queue-start]");
  const clear = form.querySelector("[data-queue-clear]");
  const cancel = form.querySelector("[data-queue-cancel]");
  const again = form.querySelector("[data-queue-again]");
  const total = form.querySelector("[data-queue-total]");
  const opener = document.querySelector("[data-upload-choose]"); // one page, one Upload: the queue's while files wait
  const upload = opener?.lastChild.data;
  const all = { files: 0, bytes: 0, done: 0 }; // of the run that is under way
  const NAME = 255; // characters, as in a folder
  const whole = Number(form.dataset.fileBytes); // the most that one request takes
  const limit = window.parts ? Number(form.dataset.directBytes) : whole;
  const suffixes = form.dataset.suffixes.split(",");
  const bulk = Number(form.dataset.bulk || Infinity);
  let left = form.dataset.left === undefined ? Infinity : Number(form.dataset.left);
  const items = [];
  let running = false;

  function size(bytes) {
    if (bytes < 1024) return ngettext("{n} byte", "{n} bytes", bytes, { n: bytes });
    const steps = ["KB", "MB", "GB"];
    let value = bytes / 1024;
    while (value >= 1024 && steps.length > 1) { value /= 1024; steps.shift(); }
    const digits = value < 10 ? 1 : 0;
    return `${value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false })} ${steps[0]}`;
  }

  const same = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

  /** Why a file would be refused, as far as the browser can tell; empty if it would not. */
  function trouble(file) {
    const name = file.name.toLowerCase();
    if (!suffixes.some((suffix) => name.endsWith(suffix))) return gettext("This kind of file is not supported.");
    if (name.length > NAME) return gettext("Its name is too long: {limit} characters are the most.", { limit: NAME });
    if (file.size === 0) return gettext("This file is empty.");
    if (file.size > limit) return gettext("Too large: {size}, the limit is {limit}.", { size: size(file.size), limit: size(limit) });
    if (items.some((item) => same(item.file, file) && item.state !== "done")) return gettext("Already in this list.");
    return "";
  }

  function add(files) {
    for (const file of files) {
      const paused = items.find((item) => item.state === "paused" && item.known && same(item.file, file));
      if (paused) drop(paused); // here it is again: its upload goes on
      const refused = trouble(file);
      const reserved = Boolean(window.parts?.known(file)); // its bytes are not free any more
      const item = { file, state: refused ? "refused" : "waiting", sent: 0, note: refused, xhr: null, box: null, reserved };
      items.push(item);
      draw(item);
    }
    tell();
  }

  function draw(item) {
    const box = document.createElement("div");
    box.className = "upload-item";
    const name = document.createElement("span");
    name.className = "truncate";
    name.textContent = item.file.name;
    name.title = item.file.name;
    const side = document.createElement("span");
    side.className = "row";
    item.amount = document.createElement("span");
    item.amount.className = "muted number small";
    item.again = button("refresh", gettext("Try again: {name}", { name: item.file.name }), () => repeat([item]));
    item.both = document.createElement("button");
    item.both.type = "button";
    item.both.className = "button";
    item.both.textContent = gettext("Keep both");
    item.both.setAttribute("aria-label", gettext("Keep both: {name}", { name: item.file.name }));
    item.both.addEventListener("click", () => { item.keep = true; repeat([item]); });
    item.drop = button("close", gettext("Remove {name}", { name: item.file.name }), () => remove(item));
    side.append(item.amount, item.both, item.again, item.drop);
    item.bar = document.createElement("progress");
    item.bar.className = "progress";
    item.bar.max = 100;
    item.bar.setAttribute("aria-label", gettext("Uploading {name}", { name: item.file.name }));
    item.words = document.createElement("span");
    item.words.className = "upload-item__note";
    box.append(tenantry.icon("file"), name, side, item.bar, item.words);
    item.box = box;
    list.append(box);
    paint(item);
  }

  function button(icon, label, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "button button--quiet button--icon";
    made.setAttribute("aria-label", label);
    made.append(tenantry.icon(icon));
    made.addEventListener("click", act);
    return made;
  }

  function paint(item) {
    const sending = item.state === "sending";
    item.amount.textContent = sending ? gettext("{percent}% of {size}", { percent: Math.round(item.sent), size: size(item.file.size) }) : size(item.file.size);
    item.bar.hidden = !sending;
    item.bar.value = item.sent;
    item.again.hidden = item.state !== "failed";
    item.drop.hidden = Boolean(item.checking); // it becomes a document now
    item.both.hidden = item.state !== "same";
    item.words.hidden = !item.note;
    item.words.textContent = item.note;
    if (item.state === "same") {
      const link = document.createElement("a");
      link.href = item.same.href;
      link.textContent = item.same.name;
      item.words.replaceChildren(`${gettext("The same content is here already:")} `, link);
    }
    item.words.classList.toggle("upload-item__note--bad", item.state === "refused" || item.state === "failed");
  }

  /** Take an item away and give up what was begun of it. */
  function remove(item) {
    if (item.checking) return;
    drop(item);
    if (["waiting", "failed", "same", "paused"].includes(item.state)) {
      window.parts?.cancel(item.file, item.id);
      if (item.reserved) left += item.file.size;
    }
    item.state = "gone";
    item.xhr?.abort();
    tell();
    pump();
  }

  function drop(item) {
    if (running && ["waiting", "sending", "sent"].includes(item.state)) { all.files -= 1; all.bytes -= item.file.size; }
    item.box.remove();
    items.splice(items.indexOf(item), 1);
  }

  const inState = (...states) => items.filter((item) => states.includes(item.state));

  /** Say what Upload would do, and whether it fits into what is left of the storage. */
  function tell() {
    const waiting = inState("waiting");
    const sending = inState("sending", "sent");
    const bytes = waiting.reduce((sum, item) => sum + item.file.size, 0);
    queue.hidden = items.length === 0;
    const tooMuch = waiting.reduce((sum, item) => sum + (item.reserved ? 0 : item.file.size), 0) > left;
    const words = [];
    if (waiting.length) words.push(ngettext("{n} file, {size}", "{n} files, {size}", waiting.length, { n: waiting.length, size: size(bytes) }));
    if (sending.length) words.push(gettext("{n} uploading", { n: sending.length }));
    if (tooMuch) words.push(gettext("{size} of storage left: remove some files", { size: size(left) }));
    const same = inState("same").length;
    if (same) words.push(gettext("{n} here already", { n: same }));
    const paused = inState("paused").length;
    if (paused) words.push(gettext("{n} unfinished", { n: paused }));
    const bad = inState("refused", "failed").length;
    if (bad) words.push(gettext("{n} not uploaded", { n: bad }));
    const under = waiting.length && running ? waiting.length + sending.length : sending.length;
    if (running && under) words.unshift(gettext("{n} of {all} sent", { n: all.files - under, all: all.files }));
    summary.textContent = words.join(" · ");
    total.hidden = !(running && under);
    cancel.hidden = !(running && under);
    again.hidden = inState("failed").length < 2;
    start.hidden = waiting.length === 0 || running;
    opener?.classList.toggle("button--primary", start.hidden);
    if (opener) opener.lastChild.data = start.hidden ? upload : gettext("More files");
    start.disabled = tooMuch;
    start.textContent = waiting.length > 1 ? gettext("Upload {n} files", { n: waiting.length }) : gettext("Upload");
  }

  function progress() {
    const now = inState("sending", "sent").reduce((sum, item) => sum + (item.file.size * item.sent) / 100, 0);
    total.value = all.bytes ? (100 * (all.done + now)) / all.bytes : 0;
  }

  /** Send files again, after the ones that wait already. */
  function repeat(some) {
    for (const item of some) { item.state = "waiting"; item.note = ""; paint(item); }
    begin(some);
  }

  function begin(some) {
    if (!running) Object.assign(all, { files: 0, bytes: 0, done: 0 });
    all.files += some.length;
    all.bytes += some.reduce((sum, item) => sum + item.file.size, 0);
    running = true;
    progress();
    pump();
    tell();
  }

  function pump() {
    if (!running) return;
    for (const item of inState("waiting").slice(0, Math.max(0, AT_ONCE - inState("sending", "sent").length))) send(item);
    if (!inState("waiting", "sending", "sent").length) { running = false; tell(); }
  }

  /** A large file goes to storage in parts; what becomes of it is heard as of any other. */
  async function sendParts(item) {
    const stop = new AbortController();
    item.xhr = { abort: () => stop.abort() };
    item.state = "sending";
    item.sent = 0;
    paint(item);
    tell();
    const stage = (checking) => { item.checking = checking; item.note = checking ? gettext("Checking") : ""; paint(item); };
    let answer;
    try {
      answer = await window.parts.send(item.file, {
        signal: stop.signal,
        collection: item.collection,
        bulk: item.bulk,
        keep: item.keep,
        progress: (share) => { item.sent = share; paint(item); progress(); },
        checking: () => stage(true),
        sending: () => stage(false),
      });
    } catch (error) {
      if (error.name === "AbortError") return;
      answer = { status: 0, responseText: "", getResponseHeader: () => "" };
    }
    stage(false);
    if (answer.elsewhere) return failed(item, gettext("Another tab is sending this file."));
    if (!answer.unreachable) return answer.status ? finished(item, answer) : failed(item, tenantry.problem(0));
    if (item.file.size > whole) return failed(item, gettext("Your browser does not reach the storage: something between, a firewall say, keeps it away. Files up to {limit} can be uploaded all the same.", { limit: size(whole) }));
    item.through = true;
    send(item);
  }

  function send(item) {
    if (window.parts && !item.through && item.file.size >= window.parts.from) return void sendParts(item);
    const body = new FormData();
    body.append("file", item.file, item.file.name);
    if (item.bulk) body.append("bulk", "true");
    // A file that is here already is not taken twice unasked; nor one whose answer got lost.
    body.append("keep_both", item.keep ? "true" : "false");
    if (item.collection) body.append("collection", item.collection);
    const xhr = new XMLHttpRequest();
    item.xhr = xhr;
    item.state = "sending";
    item.sent = 0;
    xhr.open("POST", form.dataset.api);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("X-CSRFToken", document.querySelector('meta[name="csrf-token"]')?.content ?? form.elements.csrfmiddlewaretoken.value);
    xhr.upload.addEventListener("progress", (event) => { if (event.lengthComputable) { item.sent = (100 * event.loaded) / event.total; paint(item); progress(); } });
    xhr.upload.addEventListener("load", () => { item.note = gettext("Checking"); paint(item); });
    xhr.addEventListener("load", () => finished(item, xhr));
    xhr.addEventListener("error", () => failed(item, tenantry.problem(0)));
    xhr.send(body);
    paint(item);
    tell();
  }

  function finished(item, xhr) {
    if (item.state === "gone") return;
    if (xhr.status === 409 && shown(item, xhr)) return;
    if (xhr.status !== 201) {
      return failed(item, tenantry.problem(xhr.status, xhr.getResponseHeader("Content-Type") ?? "", xhr.responseText, xhr.getResponseHeader("Retry-After") ?? ""), xhr.status);
    }
    const document_ = JSON.parse(xhr.responseText);
    if (!item.reserved) left -= item.file.size;
    all.done += item.file.size;
    item.state = "done";
    remove(item);
    document.dispatchEvent(new CustomEvent("document:uploaded", { detail: { id: document_.id } }));
    document.body.dispatchEvent(new CustomEvent("usage:changed"));
  }

  /** Show which document a file equals, if that is why it was refused. */
  function shown(item, xhr) {
    let said = {};
    try { said = JSON.parse(xhr.responseText); } catch { /* no problem document */ }
    if (said.code !== "duplicate") return false;
    item.state = "same";
    item.same = { name: said.document_name, href: `${form.getAttribute("action")}${said.document_id}/` };
    item.note = said.detail;
    all.done += item.file.size;
    paint(item);
    progress();
    tell();
    pump();
    return true;
  }

  function failed(item, words, status = 0) {
    if (item.state === "gone") return;
    // What the file itself is refused for stays refused; everything else can be tried again.
    item.state = [413, 415, 422].includes(status) ? "refused" : "failed";
    item.note = words;
    item.sent = 0;
    all.done += item.file.size;
    paint(item);
    progress();
    tell();
    pump();
  }

  /** Take over the page's rows of what was begun and not finished: it holds storage until it goes on or is removed. */
  async function recall(rows) {
    for (const { row, held, ...each } of await window.parts.unfinished(rows)) {
      if (held) { row.remove(); continue; } // the tab that sends it shows it
      const until = new Date(each.until).toLocaleString(document.documentElement.lang, { weekday: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      const note = each.known ? gettext("Stopped on the way: choose this file again, and it goes on. It waits until {time}.", { time: until }) : gettext("Begun elsewhere: go on there, or remove it. It waits until {time}.", { time: until });
      const item = { ...each, state: "paused", sent: 0, note, xhr: null, box: null, reserved: true };
      items.push(item);
      draw(item);
      row.replaceWith(item.box);
    }
    tell();
  }

  start.addEventListener("click", () => {
    const waiting = inState("waiting");
    // Many files at once are announced as such: the server may then prepare them by batch.
    for (const item of waiting) {
      item.bulk = waiting.length >= bulk;
      item.collection = form.elements.collection?.value ?? "";
    }
    begin(waiting);
  });
  clear.addEventListener("click", () => { for (const item of inState("waiting", "refused", "failed", "same")) remove(item); });
  cancel.addEventListener("click", () => { running = false; for (const item of inState("waiting", "sending", "sent")) remove(item); });
  again.addEventListener("click", () => repeat(inState("failed")));
  input.addEventListener("change", () => { add([...input.files]); input.value = ""; start.focus(); });
  opener?.addEventListener("click", () => input.click());
  form.addEventListener("submit", (event) => event.preventDefault());

  // Files may be dropped anywhere on the page; the box says where they go.
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  document.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; zone.dataset.over = ""; } });
  document.addEventListener("dragleave", (event) => { if (carriesFiles(event) && (depth -= 1) <= 0) { depth = 0; delete zone.dataset.over; } });
  document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    delete zone.dataset.over;
    window.folders.dropped(event.dataTransfer).then(taken);
  });

  /** What a drop or a chosen folder brought, and a word about what it did not. */
  function taken({ files, more = false, unread = [] }) {
    add(files);
    if (more) toast(gettext("The first {n} files of the folder are here. Add the others by further drops.", { n: tenantry.number(window.folders.most) }), "warning");
    if (unread.length) toast(ngettext("{n} file could not be opened: {name}", "{n} files could not be opened, the first: {name}", unread.length, { n: unread.length, name: unread[0] }), "warning");
    if (!files.length && !unread.length) toast(gettext("There is no file in this folder."), "info");
    start.focus();
  }

  folder?.addEventListener("change", () => {
    const files = [...folder.files].filter((file) => !file.webkitRelativePath.split("/").some(window.folders.hidden));
    folder.value = "";
    taken({ files: files.slice(0, window.folders.most), more: files.length > window.folders.most });
  });

  const rows = [...list.querySelectorAll("[data-unfinished]")];
  if (window.parts && rows.length) recall(rows);

  addEventListener("beforeunload", (event) => { if (inState("sending").length) event.preventDefault(); });
})();
