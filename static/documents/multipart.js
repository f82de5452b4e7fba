/* A large file, sent straight to the workspace's storage in parts: several at once, each tried again,
   gone on with after a lost connection or a reload, by one tab at a time. Public: window.parts
   {from, send(file, options), known(file), cancel(file, id), unfinished(rows)}. */
(() => {
  "use strict";

  const form = document.getElementById("upload");
  if (!form?.dataset.directFrom) return;
  const AT_ONCE = 3;
  const TRIES = 6; // of one part, or of the completion; the waits between them add up to half a minute
  const BUSY = 60; // looks at a completion that another request is carrying out
  const AHEAD = 5; // addresses that are asked for with the next one
  const GOOD = 600_000; // milliseconds that an address is used; it is good for half as long again
  const PREFIX = "upload:";
  const api = form.dataset.uploads;
  const begun = new Map(); // the uploads' ids by their names, where the browser keeps nothing

  class Ended extends Error {
    constructor(status, text = "", type = "", retry = "") { super("ended"); Object.assign(this, { status, text, type, retry }); }
    get said() { try { return JSON.parse(this.text); } catch { return {}; } }
  }

  /** Ask the product; what it refuses is thrown with its own words, a lost line as status 0. */
  async function ask(method, path, body, more = {}) {
    const token = document.querySelector('meta[name="csrf-token"]')?.content ?? form.elements.csrfmiddlewaretoken.value;
    let answer, text;
    try {
      answer = await fetch(api + path, { method, credentials: "same-origin", headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token, ...more }, body: body && JSON.stringify(body) });
      text = await answer.text();
    } catch {
      throw new Ended(0);
    }
    if (!answer.ok) throw new Ended(answer.status, text, answer.headers.get("Content-Type") ?? "", answer.headers.get("Retry-After") ?? "");
    return text ? JSON.parse(text) : null;
  }

  const halt = (signal) => { if (signal.aborted) throw new DOMException("", "AbortError"); };

  /** Wait, no longer than until the line is there again. */
  const pause = (seconds, signal) => new Promise((go, stop) => {
    const ended = new AbortController();
    const end = (then, value) => { clearTimeout(timer); ended.abort(); then(value); };
    const timer = setTimeout(() => end(go), seconds * 1000);
    addEventListener("online", () => end(go), { signal: ended.signal });
    signal.addEventListener("abort", () => end(stop, new DOMException("", "AbortError")), { signal: ended.signal });
  });

  /** PUT one part; the answer's ETag, or a thrown Ended. */
  function put(url, blob, told, signal) {
    return new Promise((done, failed) => {
      const xhr = new XMLHttpRequest();
      const stop = () => xhr.abort();
      signal.addEventListener("abort", stop, { once: true });
      xhr.open("PUT", url);
      xhr.upload.addEventListener("progress", (event) => told(event.loaded));
      xhr.addEventListener("load", () => xhr.status === 200 ? done(xhr.getResponseHeader("ETag")) : failed(new Ended(xhr.status)));
      xhr.addEventListener("error", () => failed(new Ended(0)));
      xhr.addEventListener("abort", () => failed(new DOMException("", "AbortError")));
      xhr.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
      xhr.send(blob);
    });
  }

  // Which upload a file has begun, by what the browser tells of it: a reload forgets the file itself.

  const nameOf = (file) => `${PREFIX}${file.size}:${file.lastModified}:${file.name}`;

  function known(file) {
    const name = nameOf(file);
    try { return localStorage.getItem(name) ?? begun.get(name); } catch { return begun.get(name); }
  }

  function keep(file, id) {
    begun.set(nameOf(file), id);
    try { localStorage.setItem(nameOf(file), id); } catch { /* then a reload cannot go on */ }
  }

  function forget(file) {
    begun.delete(nameOf(file));
    try { localStorage.removeItem(nameOf(file)); } catch { /* nothing was kept */ }
  }

  /** The upload of this file that was cut off, what it has become, or a new one. */
  async function upload(file, options, made) {
    const id = known(file);
    if (id) {
      try {
        return await ask("GET", `${id}/`);
      } catch (error) {
        if (error.status !== 404) throw error;
      }
      try {
        made(await ask("POST", `${id}/complete/`, {})); // completed already, and the answer was lost
        return null;
      } catch (error) {
        if (error.status !== 404) throw error;
      }
      forget(file);
    }
    const wanted = { name: file.name, size: file.size, collection: options.collection || null, bulk: Boolean(options.bulk), keep_both: Boolean(options.keep) };
    const once = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const begin = () => ask("POST", "", wanted, { "Idempotency-Key": once });
    const answer = await again(begin, (error) => error.status === 0 || error.said.code === "idempotency_in_progress", TRIES, options.signal);
    keep(file, answer.id);
    return answer;
  }

  /** Do it again while `worth` says so of its refusal. */
  async function again(act, worth, tries, signal) {
    for (let tried = 1; ; tried += 1) {
      try {
        return await act(tried);
      } catch (error) {
        if (!(error instanceof Ended) || tried === tries || !worth(error)) throw error;
        await pause(Number(error.retry) || 2 ** tried / 2, signal);
      }
    }
  }

  /** Send what is missing of the upload. */
  async function fill(made, file, options) {
    const sent = new Map(made.parts.map((part) => [part.number, part.etag ? part.size : 0]));
    const waiting = made.parts.filter((part) => !part.etag);
    const addresses = new Map();
    const missed = new Map(); // how often the parts that were tried found no line
    let landed = waiting.length < made.parts.length;
    const tell = (number, bytes) => {
      sent.set(number, bytes);
      options.progress(Math.min(100, (100 * [...sent.values()].reduce((sum, each) => sum + each, 0)) / file.size));
    };
    const address = async (part, anew) => {
      const had = addresses.get(part.number);
      if (!anew && had && Date.now() - had.at < GOOD) return had.url;
      const numbers = [part, ...waiting.slice(0, anew ? 0 : AHEAD)].map((each) => each.number);
      for (const each of (await ask("POST", `${made.id}/parts/`, { numbers })).parts) addresses.set(each.number, { url: each.url, at: Date.now() });
      return addresses.get(part.number).url;
    };
    const stop = new AbortController();
    const { signal } = stop;
    options.signal.addEventListener("abort", () => stop.abort(), { signal });
    async function one(part, tried) {
      const begin = (part.number - 1) * made.part_bytes;
      if (!missed.has(part.number)) missed.set(part.number, 0);
      const url = await address(part, tried > 1); // what refused the last one may be its age
      halt(signal);
      try {
        part.etag = await put(url, file.slice(begin, begin + part.size), (bytes) => tell(part.number, Math.min(bytes, part.size)), signal);
      } catch (error) {
        tell(part.number, 0);
        if (error.status === 404) await ask("GET", `${made.id}/`); // says that the upload is gone, if it is
        if (error.status === 0) missed.set(part.number, missed.get(part.number) + 1);
        // The product answers, and storage has answered to no part, twice each: a wall stands between.
        if (error.status === 0 && !landed && navigator.onLine) error.unreachable = [...missed.values()].every((times) => times > 1);
        throw error;
      }
      landed = true;
      tell(part.number, part.size);
    }
    async function worker() {
      for (let part = waiting.shift(); part; part = waiting.shift()) {
        const now = part;
        await again((tried) => one(now, tried), (error) => !error.unreachable && (!error.type || error.status === 429 || error.status >= 500), TRIES, signal);
      }
    }
    tell(0, 0);
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    } finally {
      stop.abort(); // where one part is given up, the others wait for the next try too
    }
  }

  /** Send a file: {status, …} as upload.js reads an answer; AbortError once it was cancelled. */
  async function send(file, options) {
    if (!navigator.locks) return work(file, options); // no secure context: the server takes it once all the same
    return navigator.locks.request(nameOf(file), { ifAvailable: true }, (lock) => lock ? work(file, options) : { elsewhere: true });
  }

  async function work(file, options) {
    const answered = (status, text, type = "application/json", retry = "") => ({ status, responseText: text, getResponseHeader: (name) => (name === "Content-Type" ? type : retry) });
    try {
      let ready = null;
      for (let round = 1; ; round += 1) {
        const made = await upload(file, options, (already) => { ready = already; });
        halt(options.signal);
        if (!ready && !made.joined) await fill(made, file, options);
        halt(options.signal);
        options.checking();
        try {
          ready ??= await again(
            () => ask("POST", `${made.id}/complete/`, { keep_both: Boolean(options.keep) }),
            (error) => error.status === 0 || error.said.code === "upload_busy", BUSY, options.signal,
          );
          forget(file);
          return answered(201, JSON.stringify(ready));
        } catch (error) {
          if (error.said?.code !== "upload_incomplete" || round === TRIES) throw error;
          options.sending(); // parts are missing all the same: look again which
        }
      }
    } catch (error) {
      if (error.name === "AbortError" || error.unreachable) {
        await end(file);
        if (error.unreachable) return { unreachable: true };
        throw error;
      }
      if (!(error instanceof Ended)) throw error;
      if ([404, 413, 415, 422].includes(error.status)) forget(file);
      return answered(error.status, error.text, error.type, error.retry);
    }
  }

  /** Give an upload up; what the server does not hear of is swept. */
  async function end(file, id = known(file)) {
    forget(file);
    if (id) await ask("DELETE", `${id}/`).catch(() => {});
  }

  /** Give up what is begun of a file, unless a tab is sending it. */
  function cancel(file, id = known(file)) {
    if (!navigator.locks) return end(file, id);
    return navigator.locks.request(nameOf(file), { ifAvailable: true }, (lock) => lock && end(file, id));
  }

  /** Of the page's rows of what was begun: {row, id, until, known, file}, `file` as this browser knows it; `held`: a tab is sending it. */
  async function unfinished(rows) {
    const here = new Map();
    try {
      for (const name of Object.keys(localStorage).filter((each) => each.startsWith(PREFIX))) {
        const [, size, at, ...rest] = name.split(":");
        here.set(localStorage.getItem(name), { name: rest.join(":"), size: Number(size), lastModified: Number(at) });
      }
    } catch { /* nothing is kept */ }
    const locked = new Set(((await navigator.locks?.query())?.held ?? []).map((lock) => lock.name));
    return rows.map((row) => {
      const { unfinished: id, until, name, size } = row.dataset;
      const file = here.get(id) ?? { name, size: Number(size) };
      return { row, id, until, file, known: here.has(id), held: here.has(id) && locked.has(nameOf(file)) };
    });
  }

  window.parts = { from: Number(form.dataset.directFrom), send, known, cancel, unfinished };
})();
