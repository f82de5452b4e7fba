/* Messages of a long conversation that are not on the page yet: they come where one scrolls near the gap that they leave, or
   by its links, and what is read stays where it is. A link to a message that is not here leads to the page that has it.
   Public: window.stretches {led(): whether the page's address led to a message, watch(): look for gaps}. */
(() => {
  "use strict";

  const scroll = document.querySelector("[data-conversation] [data-scroll]");
  if (!scroll) return;
  const NEAR = "900px"; // from the edge of what is in sight
  const thread = scroll.querySelector("[data-thread]");
  const announce = document.querySelector("[data-announce]");
  const top = (element) => element.getBoundingClientRect().top;

  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) bring(target, fromAbove(target));
  }, { root: scroll, rootMargin: `${NEAR} 0px` });
  const watch = () => { for (const gap of thread.querySelectorAll("[data-gap]")) watcher.observe(gap); };

  /** Whether a gap is filled downwards: it lies below what is read, between messages. */
  const fromAbove = (gap) => Boolean(gap.previousElementSibling) && top(gap) > top(scroll) + scroll.clientHeight / 2;

  async function bring(gap, down, byHand = false) {
    if (gap.ariaBusy || !gap.isConnected) return;
    gap.ariaBusy = "true";
    const [above, below] = [gap.previousElementSibling?.dataset.message, gap.nextElementSibling?.dataset.message];
    const query = new URLSearchParams(down ? { after: above, until: below } : above ? { before: below, until: above } : { before: below });
    const box = document.createElement("template");
    try {
      box.innerHTML = await (await tenantry.fetch(`${gap.dataset.gap}?${query}`, { headers: { Accept: "text/html" } })).text();
    } catch (error) {
      gap.ariaBusy = null; // its links try again
      toast(error.message, "warning");
      return;
    }
    if (!gap.isConnected) return; // what it stood between has been replaced meanwhile
    const made = [...box.content.children];
    const messages = made.filter((each) => each.dataset.message);
    const focused = gap.contains(document.activeElement);
    inPlace(() => gap.replaceWith(...made));
    for (const each of messages) { window.htmx?.process(each); answers.brought(each); }
    const next = down ? messages[0] : messages.at(-1);
    if ((byHand || focused) && next) { next.tabIndex = -1; next.focus({ preventScroll: true }); }
    announce.textContent = down
      ? ngettext("{n} later message is shown.", "{n} later messages are shown.", messages.length, { n: messages.length })
      : ngettext("{n} earlier message is shown.", "{n} earlier messages are shown.", messages.length, { n: messages.length });
    watch();
  }

  /** Change the thread; the first message in sight stays where it is. */
  function inPlace(change) {
    const edge = top(scroll);
    const mark = [...thread.children].find((each) => each.dataset.message && each.getBoundingClientRect().bottom > edge);
    const was = mark && top(mark);
    change();
    if (mark) scroll.scrollTop += top(mark) - was;
  }

  thread.addEventListener("click", (event) => {
    const link = event.target.closest("[data-gap-up], [data-gap-down]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    bring(link.closest("[data-gap]"), link.matches("[data-gap-down]"), true);
  });

  /** Show the message that the address names; one that is not on this page by the page that has it. */
  function led() {
    const [, id] = /^#m-([\da-f-]{36})$/.exec(location.hash) ?? [];
    if (!id) return false;
    const message = document.getElementById(`m-${id}`);
    if (message) {
      message.scrollIntoView();
      requestAnimationFrame(() => message.scrollIntoView()); // what is drawn by now has another height than was taken for it
    } else if (new URLSearchParams(location.search).get("message") !== id) {
      location.replace(`${location.pathname}?message=${id}${location.hash}`);
    }
    return Boolean(message);
  }

  addEventListener("hashchange", led);
  window.stretches = { led, watch };
})();
