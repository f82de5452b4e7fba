"""Staff's page that explains the roles, read from the table that enforces them."""

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from config.staffroles import COLUMNS, TABLE, TOLD
from tenants.accounts.models import StaffRole


def staff_roles_page(request: HttpRequest) -> HttpResponse:
    """Show what each role sees and may do; every member of staff may read it."""
    rows: dict[str, list[tuple[str, list[str]]]] = {}
    for label, rights in TABLE.items():
        model = apps.get_model(label)
        part = str(apps.get_app_config(model._meta.app_label).verbose_name)
        shown = [right.replace(" ", ", ") for right in rights]
        rows.setdefault(part, []).append((capfirst(str(model._meta.verbose_name_plural)), shown))
    own = getattr(request.user, "staff_role", "")
    context = {
        **admin.site.each_context(request),
        "title": "Staff roles",
        "columns": [role.label for role in COLUMNS],
        "parts": rows,
        "roles": [(role, TOLD[role], role.value == own) for role in StaffRole],
    }
    return TemplateResponse(request, "staff/roles.html", context)
