/* Sign-up: suggests an address from the name, and says while it is typed whether it can be had. */
(() => {
  "use strict";
  const WAIT = 250; // ms after the last key
  const form = document.querySelector("[data-sign-up]");
  if (!form) return;
  const { name, slug } = form.elements;
  const said = form.querySelector("[data-said]");
  let touched = slug.value !== "";
  let timer = 0;
  let asked = 0;

  const suggested = (text) =>
    text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase()
      .replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+/, "").slice(0, 40).replace(/-+$/, "");

  const say = (state, message) => {
    const kind = state === "free" ? "[data-free]" : "[data-not-free]";
    const line = form.querySelector(kind).content.cloneNode(true);
    line.querySelector("span").textContent = message;
    said.replaceChildren(line);
    if (state === "free") slug.removeAttribute("aria-invalid");
    else slug.setAttribute("aria-invalid", "true");
  };

  const check = async () => {
    const mine = ++asked;
    const value = slug.value.trim().toLowerCase();
    if (!value) return;
    try {
      const answer = await fetch(`${form.dataset.addressCheck}?slug=${encodeURIComponent(value)}`, {
        headers: { Accept: "application/json" },
      });
      const told = await answer.json();
      if (mine !== asked) return; // a newer one is under way
      if (answer.ok) say(told.state, told.message);
      else say("unknown", told.detail);
    } catch {
      if (mine === asked) said.replaceChildren(); // sending the form checks it too
    }
  };

  const typed = () => {
    clearTimeout(timer);
    timer = setTimeout(check, WAIT);
  };
  slug.addEventListener("input", () => { touched = slug.value !== ""; typed(); });
  const suggest = () => {
    if (touched || !name.value) return;
    slug.value = suggested(name.value);
    typed();
  };
  name.addEventListener("input", suggest);
  suggest(); // for what was typed before this script had come
})();
