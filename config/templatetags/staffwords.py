"""Names in staff's admin as they are spelt, where django-unfold begins each word with a capital."""

import re
from typing import Any, Final

from django import template
from django.db.models import Model
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()

_LABEL: Final = re.compile(r'( data-label=")(\w)')


@register.filter
def headed(title: Any) -> str:
    """Return a part of a page's heading: a row as it is called, kinds and apps with a capital."""
    return str(title) if isinstance(title, Model) else str(capfirst(title))


@register.filter
def labelled(cell: SafeString) -> SafeString:
    """Return a cell whose label, which stands before it on a phone, begins with a capital."""
    return mark_safe(  # noqa: S308 - django-unfold has escaped it
        _LABEL.sub(lambda found: found[1] + found[2].upper(), str(cell), count=1)
    )
