"""The browser shows Markdown as it comes, as the server shows the whole, and copies it as such."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from documents.rendering import answer_html
from tests.support.payloads import fetches, scripts

SCRIPTS = Path(__file__).parents[2] / "static" / "assistant"
# What an element holds, in brackets; colours of code and where links lead left out.
OUTLINE = """(html) => {
  const outline = (node) => [...node.childNodes].map((each) => {
    if (each.nodeType === Node.TEXT_NODE) return each.data;
    if (each.matches("pre span")) return outline(each);
    const tag = each.matches(".link") ? "link" : each.localName;
    return `<${tag}${each.start > 1 ? each.start : ""}>${outline(each)}</${tag}>`;
  }).join("");
  const tidy = (text) => text.replace(/\\s*\\n\\s*(?=<|$)|(?<=>|^)\\s*\\n\\s*/g, "");
  const root = document.createElement("div");
  if (html !== null) root.innerHTML = html;
  else return (pieces) => {
    const words = live(root);
    for (const piece of pieces) words.add(piece);
    return tidy(outline(root));
  };
  return tidy(outline(root));
}"""
COPIED = """(html) => {
  const root = document.createElement("div");
  root.innerHTML = html;
  return copying.markdown(root);
}"""
LIVE = f"(pieces) => ({OUTLINE})(null)(pieces)"

WHOLE = {
    "words": "Plain words, *lightly* and **strongly** said; ***both***, __so__ and _so_, ~~not~~.",
    "no emphasis": "2 * 3 * 4, snake_case_name, a ** b, 5*6 and **unclosed.",
    "lines": "One line\nand the next.  \nA hard one\\\nand another.\n\nA second paragraph.",
    "headings": "# One\n\n## Two ##\n\n### Three\ntext\n#### Four\n\nUnderlined\n---\n\nEnd.",
    "rule": "Before\n\n---\n\nAfter\n\n* * *",
    "tight list": "Points:\n- one\n- **two**\n  - inner\n  - more\n- three",
    "loose list": "1. one\n\n   more of it\n\n2. two\n\n3. three",
    "numbers": "3. three\n4. four\n\n10) ten\n11) eleven",
    "list and text": "- one\ngoes on\n- two\n\nNo list any more.",
    "list with code": "1. Run:\n   ```sh\n   make run\n   ```\n2. Look.",
    "quote": "> said **so**\nlazily\n>\n> - point\n\nAfter.",
    "code": "Use `a ** b` and ``x ` y``:\n\n```python\ndef f(x):\n    x += 1  # **1**\n```\nDone.",
    "indented code": "So:\n\n    first\n\n    second\n\nEnd.",
    "table": "| Plan | Price |\n| :--- | ---: |\n| **Trial** | 0 |\n| Two | `a\\|b` |\n| 3 |\n\n0",
    "table in text": "Prices:\n\na | b\n--|--\n1 | 2\n",
    "links": "See [the **guide**](https://a.example/x_(y) \"t\"), <https://b.example/>; ![no](https://c.example/p)",
    "escapes": "\\*not\\* \\[1\\] &amp; &lt;b&gt; &#228; &copy <b>no</b> a < b",
    "hostile": "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[x](javascript:a(1))",
}  # fmt: skip
BEGUN = {  # what has come, and how it is shown until more does
    "**bold": "<p><strong>bold</strong></p>",
    "a `code": "<p>a <code>code</code></p>",
    "| A | B": "<table><thead><tr><th>A</th><th>B</th></tr></thead></table>",
    "see [the gui": "<p>see the gui</p>",
    "so [1": "<p>so </p>",
    "one\n\n-": "<p>one</p>",
    "```py\nx = 1": "<pre><code>x = 1</code></pre>",
}
SHOWN = {
    "p", "h3", "h4", "hr", "pre", "code", "blockquote", "ul", "ol", "li", "table", "thead", "tbody",
    "tr", "th", "td", "strong", "em", "s", "br", "span", "@class", "@start",
}  # fmt: skip


@pytest.fixture
def quiet(page: Page) -> Page:
    page.set_content("<main></main>")
    for name in ("live.js", "copying.js"):
        page.add_script_tag(path=SCRIPTS / name)
    return page


def test_it_becomes_what_the_server_shows_whatever_the_pieces(quiet: Page) -> None:
    wrong: list[str] = []
    for name, text in WHOLE.items():
        wanted = quiet.evaluate(OUTLINE, answer_html(text, []))
        for size in (1, 3, len(text)):
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            shown = quiet.evaluate(LIVE, [*pieces, "\n"])
            if shown != wanted:
                wrong += [f"{name} by {size}:", shown, wanted]
    assert not wrong, "\n".join(wrong)


def test_a_copied_answer_is_the_same_again(quiet: Page) -> None:
    wrong: list[str] = []
    for name, text in WHOLE.items():
        whole = answer_html(text, [])
        copied = quiet.evaluate(COPIED, whole)
        again, wanted = (quiet.evaluate(OUTLINE, each) for each in (answer_html(copied, []), whole))
        if again != wanted:
            wrong += [f"{name}:", copied, again, wanted]
    assert not wrong, "\n".join(wrong)


def test_what_is_open_is_shown_as_begun(quiet: Page) -> None:
    assert {text: quiet.evaluate(LIVE, list(text)) for text in BEGUN} == BEGUN


def test_what_was_read_stands_still_and_is_not_made_anew(quiet: Page) -> None:
    kept = quiet.evaluate("""() => {
      const root = document.querySelector("main");
      const words = live(root);
      words.add("First.\\n\\nSecond.\\n\\nTh");
      const [first, second] = root.children;
      for (const letter of "ird **one**.\\n\\n- a\\n- b") words.add(letter);
      return [first === root.children[0], second === root.children[1], root.children.length];
    }""")
    assert kept == [True, True, 4]


def test_a_row_and_what_is_selected_in_it_stay_while_their_table_is_written(quiet: Page) -> None:
    kept = quiet.evaluate("""() => {
      const root = document.querySelector("main");
      const words = live(root);
      words.add("Herds:\\n\\n| name | n |\\n| --- | --- |\\n| **Zoe** | 1 |\\n| Zack, who");
      const row = root.querySelector("tbody tr");
      const cell = root.querySelectorAll("tbody tr")[1].firstChild;
      getSelection().setBaseAndExtent(cell.firstChild, 0, cell.firstChild, 4);
      for (const letter of " runs | 2 |\\n| Zelda | 3 |\\n\\nDone") words.add(letter);
      return [
        row === root.querySelector("tbody tr"), cell.isConnected, getSelection().toString(),
        cell.textContent, root.querySelectorAll("tbody tr").length,
        root.querySelectorAll("[class]").length,
      ];
    }""")
    assert kept == [True, True, "Zack", "Zack, who runs", 3, 1]


def test_nothing_hostile_becomes_an_element_that_acts(quiet: Page) -> None:
    payloads = [*scripts(500, "http://evil.example"), *fetches(300, "http://evil.example")]
    made = quiet.evaluate(
        """(payloads) => [...new Set(payloads.flatMap((text) => {
          const root = document.createElement("main");
          const words = live(root);
          for (let at = 0; at < text.length; at += 7) words.add(text.slice(at, at + 7));
          return [...root.querySelectorAll("*")].flatMap((each) =>
            [each.localName, ...each.getAttributeNames().map((name) => `@${name}`)]);
        }))]""",
        payloads,
    )
    assert len(payloads) >= 800
    assert set(made) <= SHOWN
