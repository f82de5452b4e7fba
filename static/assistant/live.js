/* Markdown as it comes: the words so far, as the server will show the whole. With each piece the last block
   alone is made anew, so that what is read stands still. It makes elements and text, never markup; marks,
   links and pictures do nothing yet. What is open at the end (**bold, a table's first row) is shown as begun.
   Public: live(element) → {add(text)}; the element is emptied. */
(() => {
  "use strict";

  const FENCE = /^( {0,3})(`{3,}|~{3,})([^`]*)$/;
  const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
  const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
  const QUOTE = /^ {0,3}> ?/;
  const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:( +)(.*)|)$/;
  const UNDERLINE = /^ {0,3}(?:=+|-+)[ \t]*$/;
  const COLUMNS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
  const CODE = /^ {4}/;
  const UNDECIDED = /^\s*(?:[-*+#>`~=_]+|\d{1,2}[.)]?)\s*$/; // of a last line: what it becomes is not said yet
  const HOLDERS = "p, h3, h4, ul, ol, li, blockquote, table, thead, tbody, tr, th, td, pre, pre > code";
  const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: "\u00a0" };

  const make = (tag, ...children) => {
    const made = document.createElement(tag);
    made.append(...children);
    return made;
  };
  const spoken = (tag, text, tail) => { const made = make(tag); inline(text, made, tail); return made; };
  const blank = (line) => !line.trim();
  const indent = (line) => line.length - line.trimStart().length;

  /* Blocks ----------------------------------------------------------------------------------- */

  /** The blocks of some lines, each with the line it begins on; `tail`: more may follow the last. */
  function blocks(lines, tail) {
    const made = [];
    for (let at = 0; at < lines.length;) {
      if (blank(lines[at])) { at += 1; continue; }
      const [node, next] = block(lines, at, tail);
      made.push({ node, from: at });
      at = next;
    }
    return made;
  }

  function block(lines, at, tail) {
    const line = lines[at];
    const last = (next) => tail && next >= lines.length;
    let found;
    if (CODE.test(line)) return indented(lines, at);
    if ((found = FENCE.exec(line))) return fenced(lines, at, found);
    if ((found = HEADING.exec(line))) return [spoken(found[1].length === 4 ? "h4" : "h3", found[2], last(at + 1)), at + 1];
    if (RULE.test(line)) return [make("hr"), at + 1];
    if (QUOTE.test(line)) return quoted(lines, at, tail);
    if (ITEM.test(line)) return listed(lines, at, tail);
    if (heads(lines, at, tail)) return table(lines, at, tail);
    return paragraph(lines, at, tail);
  }

  function indented(lines, at) {
    let next = at;
    while (next < lines.length && (CODE.test(lines[next]) || blank(lines[next]))) next += 1;
    while (blank(lines[next - 1])) next -= 1;
    return [make("pre", make("code", `${lines.slice(at, next).map((line) => line.slice(4)).join("\n")}\n`)), next];
  }

  function fenced(lines, at, [, space, marks]) {
    const end = new RegExp(`^ {0,3}\\${marks[0]}{${marks.length},}[ \\t]*$`);
    let next = at + 1;
    while (next < lines.length && !end.test(lines[next])) next += 1;
    const inner = lines.slice(at + 1, next).map((line) => line.slice(Math.min(space.length, indent(line))));
    return [make("pre", make("code", inner.length ? `${inner.join("\n")}\n` : "")), next + 1];
  }

  function quoted(lines, at, tail) {
    let next = at;
    while (next < lines.length && (QUOTE.test(lines[next]) || (!blank(lines[next]) && !interrupts(lines, next, false)))) next += 1;
    const inner = lines.slice(at, next).map((line) => line.replace(QUOTE, ""));
    return [make("blockquote", ...blocks(inner, tail && next >= lines.length).map(({ node }) => node)), next];
  }

  /** A list: items of one kind of mark; loose, with paragraphs, where an empty line stands between its parts. */
  function listed(lines, at, tail) {
    const kind = (mark) => mark.at(-1);
    const first = ITEM.exec(lines[at]);
    const ordered = /\d/.test(first[2]);
    const list = make(ordered ? "ol" : "ul");
    if (ordered && Number.parseInt(first[2], 10) !== 1) list.start = Number.parseInt(first[2], 10);
    const items = [];
    let loose = false;
    let next = at;
    while (next < lines.length) {
      const found = ITEM.exec(lines[next]);
      if (!found || kind(found[2]) !== kind(first[2]) || RULE.test(lines[next])) break;
      const [, before, mark, space = "", rest = ""] = found;
      const inset = before.length + mark.length + (space.length > 4 || !rest ? 1 : space.length);
      const inner = [lines[next].slice(inset)];
      next += 1;
      while (next < lines.length) {
        const line = lines[next];
        if (!blank(line) && indent(line) < inset && (blank(lines[next - 1]) || interrupts(lines, next, true))) break;
        inner.push(line.slice(Math.min(inset, indent(line))));
        next += 1;
      }
      let empty = 0;
      while (inner.length > 1 && blank(inner.at(-1))) { inner.pop(); empty += 1; }
      items.push({ inner, end: next });
      const more = next < lines.length && ITEM.exec(lines[next]);
      if (empty && more && kind(more[2]) === kind(first[2])) loose = true;
    }
    const parts = items.map(({ inner, end }) => ({ inner, made: blocks(inner, tail && end >= lines.length) }));
    loose ||= parts.some(({ inner, made }) => made.slice(1).some(({ from }) => blank(inner[from - 1])));
    for (const { made } of parts) {
      const item = make("li");
      for (const { node } of made) item.append(...(!loose && node.matches("p") ? node.childNodes : [node]));
      list.append(item);
    }
    return [list, next];
  }

  const cells = (line) => line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

  /** Whether a table's first row stands here: columns follow it, or may. */
  function heads(lines, at, tail) {
    if (!lines[at].includes("|")) return false;
    if (at + 1 < lines.length && lines[at + 1].includes("-") && COLUMNS.test(lines[at + 1])) return cells(lines[at]).length === cells(lines[at + 1]).length || (tail && at + 2 >= lines.length);
    if (!tail || !/^ {0,3}\|/.test(lines[at])) return false;
    return at + 1 >= lines.length || (at + 2 >= lines.length && /^[\s|:-]*$/.test(lines[at + 1]));
  }

  function table(lines, at, tail) {
    const names = cells(lines[at]);
    const rest = (next) => tail && next >= lines.length;
    const made = make("table", make("thead", make("tr", ...names.map((name) => spoken("th", name, rest(at + 1))))));
    const body = make("tbody");
    let next = at + 2;
    for (; next < lines.length && !blank(lines[next]) && !interrupts(lines, next, false); next += 1) {
      const row = cells(lines[next]);
      body.append(make("tr", ...names.map((_, place) => spoken("td", row[place] ?? "", rest(next + 1)))));
    }
    if (body.firstChild) made.append(body);
    return [made, Math.min(next, lines.length)];
  }

  /** Whether a line ends the paragraph before it. `item`: inside a list any item does. */
  function interrupts(lines, at, item) {
    const line = lines[at];
    if (FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line)) return true;
    const found = ITEM.exec(line);
    return Boolean(found) && (item || (Boolean(found[4]) && (!/\d/.test(found[2]) || Number.parseInt(found[2], 10) === 1)));
  }

  function paragraph(lines, at, tail) {
    let next = at + 1;
    while (next < lines.length && !blank(lines[next])) {
      if (UNDERLINE.test(lines[next])) return [spoken("h3", said(lines, at, next), false), next + 1];
      if (interrupts(lines, next, false) || heads(lines, next, tail)) break;
      next += 1;
    }
    return [spoken("p", said(lines, at, next), tail && next >= lines.length), next];
  }

  const said = (lines, at, next) => lines.slice(at, next).map((line) => line.trimStart()).join("\n").trimEnd();

  /* Words ------------------------------------------------------------------------------------ */

  const DELIMITERS = [["**", "strong"], ["__", "strong"], ["~~", "s"], ["*", "em"], ["_", "em"]];
  const LINK = /^\[((?:[^[\]\\]|\\.|\[[^[\]]*\])*)\]\(\s*(<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/;
  const UNSAFE = /^<?(?:javascript|vbscript|file|data):/i; // no links at all
  const BEGUN = /^\[([^[\]]*)(?:\](?:\([^()\s]*)?)?$/; // a link, or a mark, of which more may come

  /** The words of a link; one that leads nowhere in full is words alone, as the server has it. */
  function link([, words, address], put) {
    const made = spoken("span", words, false);
    if (/^<?(?:https?:\/\/|mailto:)/i.test(address)) put(Object.assign(made, { className: "link" }));
    else for (const node of [...made.childNodes]) put(node);
  }

  /** Put a text's words into an element. `tail`: they may go on. */
  function inline(text, into, tail) {
    let plain = "";
    const flush = () => { if (plain) into.append(plain); plain = ""; };
    const put = (node) => { flush(); into.append(node); };
    for (let at = 0; at < text.length;) {
      const rest = text.slice(at);
      const char = text[at];
      let found;
      if (char === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "")) { plain += text[at + 1]; at += 2; }
      else if (char === "\\" && text[at + 1] === "\n") { put(make("br")); at += 2; }
      else if (char === "\n") {
        if (plain.endsWith("  ")) { plain = plain.trimEnd(); put(make("br")); } else plain = `${plain.trimEnd()}\n`;
        at += 1;
      } else if (char === "`") {
        const [marks] = /^`+/.exec(rest);
        const end = closes(text, at, marks);
        if (end < 0 && !tail) { plain += marks; at += marks.length; continue; }
        const code = text.slice(at + marks.length, end < 0 ? undefined : end).replaceAll("\n", " ");
        put(make("code", /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code));
        at = end < 0 ? text.length : end + marks.length;
      } else if ((found = emphasis(text, at, tail))) {
        const [tag, from, to, next] = found;
        put(spoken(tag, text.slice(from, to), tail && next >= text.length));
        at = next;
      } else if ((found = /^[*_~]+/.exec(rest))) { plain += found[0]; at += found[0].length; }
      else if ((found = /^\[(\d{1,3})\](?!\()/.exec(rest))) { put(Object.assign(make("span", found[1]), { className: "cite" })); at += found[0].length; }
      else if ((found = LINK.exec(rest)) && !UNSAFE.test(found[2])) { link(found, put); at += found[0].length; }
      else if (tail && (found = BEGUN.exec(rest))) { flush(); if (!/^\d*$/.test(found[1])) inline(found[1], into, true); at = text.length; }
      else if ((found = /^<((?:https?:\/\/|mailto:)[^\s<>]*)>/i.exec(rest))) { put(Object.assign(make("span", found[1]), { className: "link" })); at += found[0].length; }
      else if ((found = /^&(?:#(\d{1,7})|(\w+));/.exec(rest)) && (found[1] || ENTITIES[found[2]])) {
        const code = Number(found[1]);
        plain += found[1] ? String.fromCodePoint(code > 0 && code <= 0x10ffff ? code : 0xfffd) : ENTITIES[found[2]];
        at += found[0].length;
      } else { plain += char; at += 1; }
    }
    flush();
  }

  /** Where the marks of code that begin at a place are closed; -1 if nowhere. */
  function closes(text, at, marks) {
    const runs = /`+/g;
    runs.lastIndex = at + marks.length;
    for (let found = runs.exec(text); found; found = runs.exec(text)) if (found[0].length === marks.length) return found.index;
    return -1;
  }

  /** Emphasis that begins at a place: its tag, its words' begin and end, and what comes next. */
  function emphasis(text, at, tail) {
    const three = /^(\*{3}|_{3})(?=[^\s*_])/.exec(text.slice(at));
    const both = three ? text.indexOf(three[1], at + 3) : -1;
    if (both > 0) return ["em", at + 1, both + 2, both + 3];
    for (const [mark, tag] of DELIMITERS) {
      const from = at + mark.length;
      if (!text.startsWith(mark, at) || !/\S/.test(text[from] ?? "") || (mark.length === 1 && text[from] === mark)) continue;
      if (mark[0] === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) continue;
      const to = ends(text, from, mark);
      if (to > from) return [tag, from, to, to + mark.length];
      if (to < 0 && tail && mark.length === 2 && text[from] !== mark[0]) return [tag, from, text.length, text.length];
    }
    return null;
  }

  function ends(text, from, mark) {
    for (let at = from; at < text.length; at += 1) {
      if (text[at] === "\\") { at += 1; continue; }
      if (text[at] === "`") {
        const [marks] = /^`+/.exec(text.slice(at));
        const end = closes(text, at, marks);
        at = (end < 0 ? at : end) + marks.length - 1;
        continue;
      }
      if (text[at] !== mark[0]) continue;
      const [run] = new RegExp(`^\\${mark[0]}+`).exec(text.slice(at));
      const fits = mark.length === 2 ? run.length >= 2 : run.length !== 2;
      const last = at + run.length - mark.length; // of three, the outer ones are the last
      if (fits && at > from && /\S/.test(text[at - 1]) && !(mark[0] === "_" && /[\p{L}\p{N}]/u.test(text[at + run.length] ?? ""))) return last;
      at += run.length - 1;
    }
    return -1;
  }

  /* As it comes ------------------------------------------------------------------------------ */

  /** Make a node as another is, and return what stands there now. What is equal in both stays: a long table is
      not laid out anew at each word, and what is selected in it stays selected. */
  function become(node, made) {
    if (node.nodeType === Node.TEXT_NODE && made.data?.startsWith(node.data)) {
      node.appendData(made.data.slice(node.length));
      return node;
    }
    if (!node.firstChild || !node.cloneNode().isEqualNode(made.cloneNode())) {
      node.replaceWith(made);
      return made;
    }
    const was = [...node.childNodes];
    const now = [...made.childNodes];
    now.forEach((each, place) => { if (!was[place]?.isEqualNode(each)) was[place] ? become(was[place], each) : node.append(each); });
    for (const each of was.slice(now.length)) each.remove();
    return node;
  }

  window.live = (root) => {
    let open = ""; // from where the last block begins
    let last = null;
    root.replaceChildren();
    return {
      add(text) {
        open += text;
        const lines = open.replace(/\r\n?/g, "\n").replaceAll("\t", "    ").split("\n");
        if (lines.length > 1 && UNDECIDED.test(lines.at(-1))) lines.pop();
        const made = blocks(lines, true);
        if (!made.length) return;
        for (const told of root.querySelectorAll(".caret-here")) told.removeAttribute("class");
        const [first, ...rest] = made.map(({ node }) => node);
        last = last ? become(last, first) : root.appendChild(first);
        root.append(...rest);
        last = rest.at(-1) ?? last;
        if (made.length > 1) open = open.split("\n").slice(made.at(-1).from).join("\n");
        let here = last;
        while (here.lastElementChild?.matches(HOLDERS)) here = here.lastElementChild;
        here.classList.add("caret-here");
      },
    };
  };
})();
