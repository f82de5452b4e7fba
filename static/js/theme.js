/* Puts the chosen theme on the root before the first paint. Loaded in <head>, so it stays this small. */
(() => {
  "use strict";
  let stored = null;
  try { stored = localStorage.getItem("theme"); } catch { /* storage denied: follow the system */ }
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
  document.documentElement.dataset.js = "";
})();
