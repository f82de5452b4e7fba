"""What django-unfold's lists lack: names as they are spelt, and figures one below the other."""

import re
from typing import Any, Final

from django import template
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DecimalField, IntegerField, Model
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()

_LABEL: Final = re.compile(r'( data-label=")(\w)')
# Columns that are no field of a model and hold figures.
_FIGURES: Final = {
    "usd_told", "price", "amount", "tokens", "spend", "total", "reads", "writes", "per",
}  # fmt: skip
_CELL: Final = re.compile(r'(<t[dh] class="[^"]*\b(?:field|column)-(\w+))')
_THOUSANDS: Final = re.compile(r">(-?\d{4,})(?=[.<])")


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


@register.filter
def figured(cells: str, rows: ChangeList) -> str:
    """Mark the cells or heads of a list that hold figures, whose thousands stand apart."""
    figure = False

    def marked(cell: re.Match[str]) -> str:
        nonlocal figure
        figure = _is_figure(rows, cell[2])
        return f"{cell[1]} figure" if figure else cell[1]

    told = _CELL.sub(marked, cells)
    if figure:
        told = _THOUSANDS.sub(lambda number: f">{int(number[1]):,}", told)
    return mark_safe(told)  # noqa: S308 - as it came, with a class and commas


def _is_figure(rows: ChangeList, column: str) -> bool:
    if column in _FIGURES:
        return True
    try:
        field = rows.model._meta.get_field(column)
    except FieldDoesNotExist:
        return False
    return isinstance(field, IntegerField | DecimalField) and not field.choices
