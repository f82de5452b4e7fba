/* An answer for the clipboard: as Markdown for what takes text, as plain HTML for what keeps tables and lists.
   Public: copying {markdown(element), html(element), put(element)}; put rejects where the browser refuses. */
(() => {
  "use strict";

  const BREAK = "\ue000"; // of a line, until it is known what it stands in
  const escaped = (text) => text.replace(/([\\`*_~[\]<>|])/g, "\\$1").replace(/&(?=#?\w+;)/g, "\\&");
  const fenced = (text, mark) => mark.repeat(Math.max(0, ...[...text.matchAll(new RegExp(`${mark}+`, "g"))].map((run) => run[0].length)) + 1);

  function words(node) {
    return [...node.childNodes].map((each) => {
      if (each.nodeType === Node.TEXT_NODE) return escaped(each.data.replace(/[^\S\n]+/g, " ").replace(/\s*\n\s*/g, "\n"));
      if (each.matches("strong")) return `**${words(each)}**`;
      if (each.matches("em")) return `*${words(each)}*`;
      if (each.matches("s")) return `~~${words(each)}~~`;
      if (each.matches("code")) {
        const mark = each.textContent.includes("`") ? fenced(each.textContent, "`") : "`";
        const room = /^`|`$|^ .* $/.test(each.textContent) ? " " : "";
        return `${mark}${room}${each.textContent}${room}${mark}`;
      }
      if (each.matches("br")) return BREAK;
      if (each.matches(".cite")) return `[${each.textContent}]`;
      if (each.matches("[data-href]")) return `[${words(each)}](<${each.dataset.href.replace(/[<>\s]/g, encodeURIComponent)}>)`;
      return words(each);
    }).join("");
  }

  /** A line that would begin a heading, a list or a rule begins none. */
  const line = (text) => text.trim().replace(/\s*\ue000\s*/g, "\\\n").replace(/^(#{1,6}(?=\s)|[-+=](?=[\s\-=]|$))/gm, "\\$1").replace(/^(\d{1,9})([.)])(?=\s|$)/gm, "$1\\$2");
  const onOne = (text) => text.replace(/\s*[\ue000\n]\s*/g, " ").trim();
  const inset = (text, by) => text.replace(/\n(?!\n|$)/g, `\n${" ".repeat(by)}`);

  function block(node) {
    if (node.matches("h3, h4")) return `${node.matches("h3") ? "###" : "####"} ${onOne(words(node))}`;
    if (node.matches("hr")) return "---";
    if (node.matches("pre")) {
      const code = node.querySelector("code")?.textContent ?? node.textContent;
      const mark = code.includes("```") ? fenced(code, "`") : "```";
      return `${mark}\n${code.replace(/\n$/, "")}\n${mark}`;
    }
    if (node.matches("blockquote")) return blocks(node).replace(/^/gm, "> ").replace(/^> $/gm, ">");
    if (node.matches("ul, ol")) return list(node);
    if (node.matches("table")) return table(node);
    return line(words(node));
  }

  function list(node) {
    let number = node.start || 1;
    const twin = node.previousElementSibling?.localName === node.localName; // other marks begin another list
    const loose = node.querySelector(":scope > li > p") !== null;
    const items = [...node.children].map((item) => {
      const mark = node.matches("ol") ? `${number}${twin ? ")" : "."}` : twin ? "*" : "-";
      number += 1;
      return `${mark} ${inset(blocks(item, !loose), mark.length + 1)}`;
    });
    return items.join(loose ? "\n\n" : "\n");
  }

  function table(node) {
    const rows = [...node.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => onOne(words(cell)).replace(/(?<!\\)\|/g, "\\|")));
    const lines = rows.map((cells) => `| ${cells.join(" | ")} |`);
    lines.splice(1, 0, `|${" --- |".repeat(rows[0]?.length ?? 0)}`);
    return lines.join("\n");
  }

  /** What stands in an element, blocks apart; words between them are a paragraph. */
  function blocks(node, tight = false) {
    const found = [];
    let loose = document.createElement("p");
    const flush = () => { if (loose.textContent.trim()) found.push(block(loose)); loose = document.createElement("p"); };
    for (const each of node.childNodes) {
      if (each.nodeType === Node.ELEMENT_NODE && each.matches("p, h3, h4, hr, pre, blockquote, ul, ol, table")) {
        flush();
        found.push(block(each));
      } else loose.append(each.cloneNode(true));
    }
    flush();
    return found.join(tight ? "\n" : "\n\n");
  }

  function plain(root) {
    const copy = root.cloneNode(true);
    for (const button of copy.querySelectorAll(".code-copy")) button.remove();
    return copy;
  }

  const markdown = (root) => blocks(plain(root)).trim();

  function html(root) {
    const copy = plain(root);
    for (const chip of copy.querySelectorAll(".cite")) chip.replaceWith(`[${chip.textContent}]`);
    for (const link of copy.querySelectorAll("[data-href]")) {
      const made = Object.assign(document.createElement("a"), { textContent: link.textContent });
      if (/^(?:https?:|mailto:)/i.test(link.dataset.href)) made.href = link.dataset.href;
      link.replaceWith(made);
    }
    for (const span of copy.querySelectorAll("span")) span.replaceWith(...span.childNodes);
    return copy.innerHTML;
  }

  function put(root) {
    const text = markdown(root);
    if (!window.ClipboardItem || !navigator.clipboard?.write) return navigator.clipboard.writeText(text);
    const kinds = { "text/plain": text, "text/html": html(root) };
    const parts = Object.entries(kinds).map(([kind, said]) => [kind, new Blob([said], { type: kind })]);
    return navigator.clipboard.write([new ClipboardItem(Object.fromEntries(parts))]);
  }

  window.copying = { markdown, html, put };
})();
