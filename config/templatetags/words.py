"""Words that pages make of codes, names within sentences, and code within texts."""

import re
from typing import Final

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from tenants.wording import RETRIEVAL, midsentence

register = template.Library()
register.filter("midsentence", midsentence)

# Codes that are shown as they are called; what is not here is a name, the same in every language.
WORDS: Final = {
    "internal": _("Internal"),
    "general": _("General"),
    "regulated": _("Regulated"),
    "passes": _("Passes"),
    "masked": _("Masked"),
    "blocked": _("Blocked"),
    "none": _("None"),
    "draft": _("Draft"),
    "rewrite": _("Rewrite"),
    "summarize": _("Summarize"),
    "day": _("Day"),
    "hour": _("Hour"),
    "viewer": _("Viewer"),
    "member": _("Member"),
    "admin": _("Admin"),
    "owner": _("Owner"),
    "small": _("Small"),
    "frontier": _("Frontier"),
    "service-accounts": _("Service accounts"),
    **RETRIEVAL,
}


@register.filter
def word(code: str) -> str:
    """Return how a code is called, as a heading has it."""
    text = str(code)
    return str(WORDS.get(text, text[:1].upper() + text[1:]))


@register.filter
def code_spans(text: str) -> SafeString:
    """Return a text of the API's document with what stands between backticks as code."""
    escaped = str(conditional_escape(text))
    return mark_safe(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escaped))  # noqa: S308 - escaped


@register.filter
def breakable(path: str) -> SafeString:
    """Return an address that breaks after its slashes, not within a name, where a line ends."""
    return mark_safe(str(conditional_escape(path)).replace("/", "/<wbr>"))  # noqa: S308 - escaped
