"""The key of a form that makes something, by which it is carried out once."""

from uuid import uuid4

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tenants.accounts.idempotency import FIELD

register = template.Library()


@register.simple_tag
def once() -> SafeString:
    """Write the hidden field, with another key each time; beside `{% csrf_token %}`."""
    return format_html('<input type="hidden" name="{}" value="{}">', FIELD, uuid4())
