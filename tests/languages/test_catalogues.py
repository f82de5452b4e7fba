"""Every text is marked, and every marked text has its translation, compiled."""

import re
from typing import Final

import polib
import pytest

from tests.languages.catalogues import Catalogue, catalogues, of_entry
from tests.languages.sources import (
    ROOT,
    SCRIPT_TEXT,
    marked,
    scripts,
    templates,
    texts_of_python,
    unmarked,
)

PLACES: Final = re.compile(r"%\(\w+\)[sd]|%[sd%]|(?<!\{)\{\w*\}")
TAGS: Final = re.compile(r"</?[a-z][^>]*>")
# A library's own, held to its letter by tests/tenants/test_staff_names.py.
COPIED: Final = ROOT / "templates/unfold/helpers/header_title.html"
# A text for people in a script: a capital, and a second word or a full stop.
SAID: Final = re.compile(r"""(["'`])([A-Z][a-z]+(?: [^"'`<>=/]+|\.))\1""")


def named(catalogue: Catalogue) -> str:
    return f"{catalogue.folder}-{catalogue.domain}-{catalogue.language}"


def each_catalogue() -> list[Catalogue]:
    return [each for each in catalogues() if each.path.exists()]


def pairs(entry: polib.POEntry) -> list[tuple[str, str]]:
    """Return each translation with the text that it translates."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid_plural, form) for form in entry.msgstr_plural.values()]


@pytest.fixture(params=each_catalogue(), ids=named)
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    found: Catalogue = request.param
    return found


def test_a_catalogue_holds_what_the_sources_mark(catalogue: Catalogue) -> None:
    held = {of_entry(each) for each in catalogue.read()}
    wanted = set(catalogue.wanted())
    assert held == wanted, "run `make messages`"


def test_every_entry_is_translated(catalogue: Catalogue) -> None:
    book = catalogue.read()
    assert [each.msgid for each in book if not each.translated() or each.fuzzy] == []
    assert not book.obsolete_entries()


def test_a_translation_has_the_places_and_the_markup_of_its_text(catalogue: Catalogue) -> None:
    wrong = [
        f"{said!r} for {text!r}"
        for entry in catalogue.read()
        for text, said in pairs(entry)
        if sorted(PLACES.findall(text)) != sorted(PLACES.findall(said))
        or sorted(TAGS.findall(text)) != sorted(TAGS.findall(said))
    ]
    assert wrong == []


def test_what_is_compiled_is_what_was_translated(catalogue: Catalogue) -> None:
    assert catalogue.compiled.read_bytes() == catalogue.compile(), "run `make messages`"


def test_a_template_says_nothing_that_is_not_marked() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in templates()
        if path != COPIED
        for text in unmarked(path.read_text(), html=path.suffix == ".html")
    ]
    assert found == []


def test_a_script_says_nothing_that_is_not_marked() -> None:
    found = []
    for path in scripts():
        code = SCRIPT_TEXT.sub("", re.sub(r"(?s:/\*.*?\*/)|(?m:^\s*//.*$)", "", path.read_text()))
        found += [f"{path.name}: {text}" for _, text in SAID.findall(code)]
    assert found == []


def test_a_text_that_is_not_marked_is_noticed() -> None:
    assert unmarked('<p title="{% translate "Yes" %}">{% translate "Yes" %} 1 KB</p>') == []
    assert unmarked("<p>Save it</p>") == ["Save it"]
    assert unmarked('<a title="Save {{ name }}">{{ name }}</a>') != []
    assert unmarked('{% include "a.html" with label="Save it" %}') == ["Save it"]
    assert unmarked('{{ name|default:"Nobody" }}') == ["Nobody"]


def test_marks_are_read_as_django_looks_them_up() -> None:
    template = (
        '{% translate "100% sure" %}{% include "a.html" with label=_("Save") %}'
        "{% blocktranslate trimmed count n=pages|length with who=user.name %}\n"
        "  {{ who }} has {{ n }} page\n{% plural %}{{ who }} has {{ n }} pages"
        "{% endblocktranslate %}"
    )
    assert [tuple(text) for text in marked(template)] == [
        ("100%% sure", "", ""),
        ("Save", "", ""),
        ("%(who)s has %(n)s page", "%(who)s has %(n)s pages", ""),
    ]
    python = '_("a" " b"); gettext_lazy("c"); ngettext("d", "e", 2); pgettext("f", "g")'
    assert [tuple(text) for text in texts_of_python(python)] == [
        ("a b", "", ""), ("c", "", ""), ("d", "e", ""), ("g", "", "f"),
    ]  # fmt: skip
