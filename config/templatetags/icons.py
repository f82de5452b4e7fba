"""Icons of `static/icons.svg`, a built-in tag of every template: a long list draws hundreds."""

from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
def icon(name: str, kind: str = "", label: str = "") -> SafeString:
    """Return the icon `name`; `kind` is l, xl or spin, `label` what it says where it stands alone.

    Without a label a screen reader passes over it.
    """
    return _drawn(static("icons.svg"), str(name), kind, str(label))


@lru_cache(maxsize=1000)
def _drawn(sprite: str, name: str, kind: str, label: str) -> SafeString:
    classes = f"icon icon--{kind}" if kind else "icon"
    said = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="{}" {}><use href="{}#{}"></use></svg>',
        classes,
        mark_safe(said),  # noqa: S308 - escaped
        sprite,
        name,
    )
