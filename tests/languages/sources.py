"""The texts that the sources mark for translation, and those of templates that they do not.

Django's own `makemessages` needs GNU gettext; this reads the same marks without it.
"""

import ast
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple

from django.template.base import Lexer, Token, TokenType
from django.utils.text import smart_split, unescape_string_literal
from django.utils.translation import trim_whitespace

ROOT: Final = Path(__file__).parents[2]
APPS: Final = ("config", "tenants", "billing", "bedrock", "search", "documents", "assistant")
# In English alone: staff's pages, the page of components, and Markdown that is a document.
ENGLISH: Final = ("templates/admin/", "templates/billing/staff/", "templates/staff/",
                  "templates/components/gallery")  # fmt: skip
GETTEXT: Final = {"_", "gettext", "gettext_lazy", "gettext_noop"}
NGETTEXT: Final = {"ngettext", "ngettext_lazy"}
PGETTEXT: Final = {"pgettext", "pgettext_lazy"}
LITERAL: Final = r'"(?:[^"\\]|\\.)*"'
ARGUMENT: Final = re.compile(rf"_\(({LITERAL}|'(?:[^'\\]|\\.)*')\)")
SCRIPT_TEXT: Final = re.compile(rf"\b(n?)gettext\(\s*({LITERAL})(?:,\s*({LITERAL}))?")
SHOWN: Final = {
    "title", "aria-label", "placeholder", "alt", "data-label", "data-confirm", "data-confirm-text",
    "data-confirm-action", "data-toast", "aria-description", "data-words", "hx-confirm", "summary",
}  # fmt: skip
# Arguments of included templates whose values are names for programs, not words for people.
NAMES: Final = {"name", "kind", "href", "key", "icon", "go", "status", "id", "size", "table",
                "state", "tone", "type", "class", "level", "field"}  # fmt: skip
# The same in every language: names of products, formats, keys and units.
SAME: Final = {
    "Tenantry", "Amazon", "Bedrock", "AWS", "API", "REST", "CSV", "PDF", "JSON", "DOCX", "Markdown",
    "UTC", "USD", "ID", "MB", "GB", "KB", "ms", "Word", "Ctrl", "Esc", "SHA", "VAT",
}  # fmt: skip
WORD: Final = re.compile(r"[A-Za-z][A-Za-z'’]+")


class Text(NamedTuple):
    """A text to translate. `plural` and `context` are empty where there is none."""

    msgid: str
    plural: str
    context: str


def templates() -> list[Path]:
    """Return the templates whose texts are translated, those of mails included."""
    found = (path for end in ("html", "txt") for path in (ROOT / "templates").rglob(f"*.{end}"))
    return sorted(path for path in found if not str(path.relative_to(ROOT)).startswith(ENGLISH))


def scripts() -> list[Path]:
    found = (ROOT / "static").rglob("*.js")
    return sorted(
        path for path in found if path.parent.name != "vendor" and "texts." not in path.name
    )


def modules() -> list[Path]:
    """Return the Python files whose texts the code's catalogue holds."""
    found = (path for app in APPS for path in (ROOT / app).rglob("*.py"))
    return sorted(path for path in found if path.parent != ROOT / "config" / "templatetags")


def texts_of_templates() -> Iterator[tuple[Path, Text]]:
    for path in templates():
        for text in marked(path.read_text()):
            yield path, text
    for path in sorted((ROOT / "config" / "templatetags").glob("*.py")):
        for text in texts_of_python(path.read_text()):
            yield path, text


def texts_of_scripts() -> Iterator[tuple[Path, Text]]:
    for path in scripts():
        for many, first, second in SCRIPT_TEXT.findall(path.read_text()):
            yield path, Text(json.loads(first), json.loads(second) if many else "", "")


def texts_of_modules() -> Iterator[tuple[Path, Text]]:
    for path in modules():
        for text in texts_of_python(path.read_text()):
            yield path, text


def texts_of_python(source: str) -> Iterator[Text]:
    """Yield the texts that calls of gettext and its like name."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        given = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
        words = [each for each in given if isinstance(each, str)]
        if called in GETTEXT and len(words) == 1:
            yield Text(words[0], "", "")
        elif called in NGETTEXT and len(words) == 2:
            yield Text(words[0], words[1], "")
        elif called in PGETTEXT and len(words) == 2:
            yield Text(words[1], "", words[0])


def marked(source: str) -> Iterator[Text]:
    """Yield the texts that a template marks, as Django looks them up: with each % doubled."""
    block: list[Token] | None = None
    for token in Lexer(source).tokenize():
        command = token.contents.split(" ")[0]
        if token.token_type == TokenType.BLOCK and command == "endblocktranslate" and block:
            yield _block(block)
            block = None
        elif block is not None:
            block.append(token)
        elif token.token_type in {TokenType.BLOCK, TokenType.VAR}:
            for literal in ARGUMENT.findall(token.contents):
                yield Text(unescape_string_literal(literal).replace("%", "%%"), "", "")
            if command == "blocktranslate":
                block = [token]
            elif command == "translate":
                bits = list(smart_split(token.contents))
                at = bits.index("context") + 1 if "context" in bits else 0
                context = unescape_string_literal(bits[at]) if at else ""
                yield Text(unescape_string_literal(bits[1]).replace("%", "%%"), "", context)


def _block(tokens: list[Token]) -> Text:
    head, *body = tokens
    forms = [""]
    for token in body:
        if token.token_type == TokenType.BLOCK:  # {% plural %}, which is all that may stand here
            forms.append("")
        elif token.token_type == TokenType.VAR:
            forms[-1] += f"%({token.contents})s"
        else:
            forms[-1] += token.contents.replace("%", "%%")
    if " trimmed" in head.contents:
        forms = [trim_whitespace(form) for form in forms]
    return Text(forms[0], forms[1] if len(forms) > 1 else "", "")


class _Words(HTMLParser):
    """Collects what a person would read of a page whose marks and variables are blanked."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in {"script", "style", "code", "kbd", "samp", "pre"}
        self.found += [value or "" for name, value in attrs if name in SHOWN]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in SHOWN]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in {"script", "style", "code", "kbd", "samp", "pre"}

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


BLANKED: Final = re.compile(
    r"\{% comment.*?endcomment %\}|\{% verbatim.*?endverbatim %\}"
    r"|\{% block \w+_class %\}.*?\{% endblock %\}"
    r"|\{% blocktranslate.*?endblocktranslate %\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}",
    re.S,
)


ADDRESS: Final = re.compile(r"(?<![\w<])/[\w/-]+/")


def unmarked(source: str, *, html: bool = True) -> list[str]:
    """Return the words of a template that a reader would see in English whatever the language."""
    blank = BLANKED.sub("\N{OBJECT REPLACEMENT CHARACTER}", source)
    if html:
        parser = _Words()
        parser.feed(blank)
        parser.close()
        said = parser.found
    else:
        said = [blank]
    for tag in BLANKED.findall(source):
        if tag.startswith(("{% include", "{% with", "{{")):
            tag = ARGUMENT.sub("", tag)
            said += [
                value
                for name, value in re.findall(r'([\w:|]+)[=:]"([^"]*)"', tag)
                if name.split("|")[-1] not in NAMES
                and (" " in value or value[:1].isupper())
                and "date" not in name
            ]
    return [
        " ".join(text.split())
        for text in said
        if any(word not in SAME for word in WORD.findall(ADDRESS.sub("", text)))
    ]
