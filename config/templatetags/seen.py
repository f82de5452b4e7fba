"""What a form that changes something was filled in from (`tenants/seen.py`)."""

from typing import Any
from uuid import uuid4

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tenants.accounts.idempotency import FIELD as ONCE
from tenants.seen import FIELD, seen_of

register = template.Library()


@register.simple_tag
def seen(*values: Any) -> SafeString:
    """Write the hidden fields, beside `{% csrf_token %}`; the form's view checks the same values.

    A key is among them: of two clicks, the second finds the first's change and is no conflict.
    """
    fields = '<input type="hidden" name="{}" value="{}"><input type="hidden" name="{}" value="{}">'
    return format_html(fields, FIELD, seen_of(*values), ONCE, uuid4())
