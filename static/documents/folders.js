/* Folders that are dropped: the files inside them, however deep, without hidden ones.
   Public: folders {dropped(dataTransfer)}: a promise of {files, more}; more: there were others past the most at once. */
(() => {
  "use strict";

  const MOST = 1000; // of one drop: a disk dropped by mistake fills no page
  const hidden = (name) => name.startsWith(".") || ["Thumbs.db", "desktop.ini"].includes(name);
  const asked = (ask) => new Promise((resolve, reject) => ask(resolve, reject));

  /** What stands in a folder: browsers tell it in portions, the last of which is empty. */
  async function inside(folder) {
    const reader = folder.createReader();
    const found = [];
    for (;;) {
      const portion = await asked((resolve, reject) => reader.readEntries(resolve, reject));
      if (!portion.length) return found.sort((one, other) => one.name.localeCompare(other.name));
      found.push(...portion);
    }
  }

  async function gather(entries, found) {
    for (const entry of entries) {
      if (found.files.length === MOST) { found.more = true; return; }
      try {
        if (entry.isDirectory) await gather((await inside(entry)).filter(({ name }) => !hidden(name)), found);
        else found.files.push(await asked((resolve, reject) => entry.file(resolve, reject)));
      } catch { found.unread.push(entry.name); } // moved meanwhile, or not to be opened
    }
  }

  /** Entries are there only while the drop is told: they are taken before anything is waited for. */
  async function dropped(transfer) {
    const entries = [...transfer.items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry?.());
    const found = { files: [], more: false, unread: [] };
    if (!entries.some((entry) => entry?.isDirectory)) found.files = [...transfer.files];
    else await gather(entries.filter(Boolean), found);
    return found;
  }

  window.folders = { dropped, hidden, most: MOST };
})();
