"""The catalogues of texts, and what is compiled from them."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import polib
from django.conf import settings

from tests.languages.sources import (
    ROOT,
    Text,
    texts_of_modules,
    texts_of_scripts,
    texts_of_templates,
)

Source = Callable[[], Iterator[tuple[Path, Text]]]
# Folder and domain of a catalogue -> the texts that belong into it.
SOURCES: Final[dict[tuple[str, str], Source]] = {
    ("config", "django"): texts_of_templates,
    ("config", "djangojs"): texts_of_scripts,
    ("tenants", "django"): texts_of_modules,
}
HEADERS: Final = {
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=2; plural=(n != 1);",
}


class Catalogue(NamedTuple):
    """One language's texts of one part of the product."""

    folder: str
    domain: str
    language: str

    @property
    def path(self) -> Path:
        place = ROOT / self.folder / "locale" / self.language / "LC_MESSAGES"
        return place / f"{self.domain}.po"

    @property
    def compiled(self) -> Path:
        if self.domain == "djangojs":
            return ROOT / "static" / "js" / f"texts.{self.language}.js"
        return self.path.with_suffix(".mo")

    def read(self) -> polib.POFile:
        return polib.pofile(str(self.path), wrapwidth=100)

    def wanted(self) -> dict[Text, set[str]]:
        """Return the texts of the sources with the files that they are in."""
        found: dict[Text, set[str]] = {}
        for path, text in SOURCES[self.folder, self.domain]():
            found.setdefault(text, set()).add(str(path.relative_to(ROOT)))
        return found

    def compile(self) -> bytes:
        """Return what the product reads in place of the catalogue."""
        entries = [each for each in self.read() if each.translated()]
        if self.domain == "djangojs":
            return _script(entries)
        # Sorted and without dates, so that the same texts make the same bytes.
        made = polib.POFile()
        made.metadata = {**HEADERS, "Language": self.language}
        made.extend(sorted(entries, key=lambda each: (each.msgid, each.msgctxt or "")))
        out: bytes = made.to_binary()
        return BytesIO(out).getvalue()


def catalogues() -> list[Catalogue]:
    """Return every catalogue of every language but English."""
    languages = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
    return [Catalogue(*source, language) for language in languages for source in SOURCES]


def of_entry(entry: polib.POEntry) -> Text:
    return Text(entry.msgid, entry.msgid_plural or "", entry.msgctxt or "")


def _script(entries: list[polib.POEntry]) -> bytes:
    texts = {
        each.msgid: [each.msgstr_plural[0], each.msgstr_plural[1]]
        if each.msgid_plural
        else each.msgstr
        for each in sorted(entries, key=lambda each: str(each.msgid))
    }
    words = json.dumps(texts, ensure_ascii=False, indent=0, separators=(",", ":"))
    return f"/* Made by `make messages`. */\nwindow.texts = {words};\n".encode()


def bring_up_to_date(catalogue: Catalogue) -> tuple[int, int]:
    """Add new texts, drop those that are gone, compile; return how many of each."""
    catalogue.path.parent.mkdir(parents=True, exist_ok=True)
    old = catalogue.read() if catalogue.path.exists() else polib.POFile()
    kept = {of_entry(each): each for each in old}
    wanted = catalogue.wanted()
    new = polib.POFile(wrapwidth=100)
    new.metadata = {"Project-Id-Version": "Tenantry", "Language": catalogue.language, **HEADERS}
    for text in sorted(wanted, key=lambda each: (sorted(wanted[each])[0], each)):
        entry = kept.get(text) or polib.POEntry(
            msgid=text.msgid,
            msgid_plural=text.plural,
            msgctxt=text.context or None,
            msgstr_plural={0: "", 1: ""} if text.plural else {},
        )
        entry.occurrences = [(place, "") for place in sorted(wanted[text])]
        new.append(entry)
    new.save(str(catalogue.path))
    catalogue.compiled.write_bytes(catalogue.compile())
    return len(wanted.keys() - kept.keys()), len(kept.keys() - wanted.keys())
