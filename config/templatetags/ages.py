"""How long ago something was, as pages tell it."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

register = template.Library()


@register.filter
def ago(moment: datetime) -> str:
    """Return a short age for the last week, a date before that."""
    seconds = (timezone.now() - moment).total_seconds()
    if seconds < 60:
        return _("just now")
    if seconds < 3600:
        return _("%(count)s min ago") % {"count": int(seconds // 60)}
    if seconds < 86400:
        return _("%(count)s h ago") % {"count": int(seconds // 3600)}
    if seconds < 7 * 86400:
        days = int(seconds // 86400)
        return ngettext("%(count)s day ago", "%(count)s days ago", days) % {"count": days}
    return date_format(moment, pgettext("day", "j M Y"))
