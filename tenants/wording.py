"""Numbers and days inside sentences, as the reader's language writes them, and names of codes."""

import re
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Final

from django.utils.formats import date_format
from django.utils.functional import lazy
from django.utils.translation import get_language, gettext, gettext_lazy, pgettext

from tenants.numbers import written

# How a workspace's people are told where its passages are looked for.
RETRIEVAL: Final = {
    "schema": gettext_lazy("Vectors and text in the workspace's own database schema"),
    "kb_shared": gettext_lazy("A Knowledge Base shared by workspaces, filtered by workspace"),
    "kb_dedicated": gettext_lazy("A Knowledge Base of the workspace's own"),
}


def grouped(value: int | float | Decimal) -> str:
    """Return a number with its thousands apart: 1,000, or 1.000 in German."""
    return written(f"{value:,}")


def day(moment: date | datetime) -> str:
    """Return a day: 5 November 2026, or 5. November 2026 in German."""
    # Translators: Django's format of a day.
    return date_format(moment, pgettext("day", "j F Y"))


def day_month(moment: date | datetime) -> str:
    """Return a day without its year: 5 November, or 5. November in German."""
    # Translators: Django's format of a day without its year.
    return date_format(moment, pgettext("day", "j F"))


def month(moment: date | datetime) -> str:
    """Return a month: November 2026."""
    # Translators: Django's format of a month.
    return date_format(moment, pgettext("month", "F Y"))


def minute(moment: datetime) -> str:
    """Return a moment: 5 November 2026, 14:30 UTC; `moment` is in UTC."""
    return gettext("%(day)s, %(time)s UTC") % {"day": day(moment), "time": f"{moment:%H:%M}"}


def quoted(text: object) -> str:
    """Return a text within quotation marks: “this”, or „this“ in German."""
    return gettext("“%(text)s”") % {"text": text}


def midsentence(name: object) -> str:
    """Return a name as it stands within a sentence: German writes its nouns large there too."""
    text = str(name)
    return text if get_language() == "de" else text.lower()


def retold(stored: str, *templates: str) -> str:
    """Return a stored English sentence in the reader's language.

    `templates` are the sentences it may have been made of, with their named places
    (`%(name)s`); what fits none is returned as it stands.
    """
    for template in templates:
        places = re.split(r"%\((\w+)\)s", template.replace("%%", "%"))
        fixed = map(re.escape, places[::2])
        named = [f"(?P<{name}>.+)" for name in places[1::2]]
        pattern = "".join(part for pair in zip_longest(fixed, named, fillvalue="") for part in pair)
        found = re.fullmatch(pattern, stored, re.DOTALL)
        if found and named:
            return gettext(template) % found.groupdict()
        if found:
            return gettext(template)
    return stored


grouped_lazy = lazy(grouped, str)
