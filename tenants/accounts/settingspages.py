"""What the pages of the settings share, whichever app shows them."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from tenants.accounts.models import role_reaches
from tenants.accounts.selectors import actor_of

NAV: Final[list[dict[str, Any]]] = [
    {"label": _("Members"), "href": "/settings/members/", "icon": "user"},
    {"label": _("Groups"), "href": "/settings/groups/", "icon": "users"},
    {"label": _("Sign-in"), "href": "/settings/security/", "icon": "lock"},
    {"label": _("API keys"), "href": "/settings/keys/", "icon": "key"},
    {"label": _("Webhooks"), "href": "/settings/webhooks/", "icon": "bolt", "role": "admin"},
    {"label": _("Safety"), "href": "/settings/safety/", "icon": "shield"},
    {"label": _("Assistant"), "href": "/settings/assistant/", "icon": "assistant", "role": "admin"},
    {"label": _("Data"), "href": "/settings/data/", "icon": "database", "role": "admin"},
    {"label": _("Trust"), "href": "/settings/trust/", "icon": "success", "role": "admin"},
    {"label": _("Audit log"), "href": "/settings/audit/", "icon": "history", "role": "admin"},
    {"label": _("Workspace"), "href": "/settings/workspace/", "icon": "home"},
]


def settings_page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render a page of the settings with the navigation that the user's role may follow."""
    role = actor_of(request).role
    nav = [
        {**item, "current": request.path.startswith(item["href"])}
        for item in NAV
        if role_reaches(role, item.get("role", "viewer"))
    ]
    return render(
        request, template, {"nav": "settings", "settings_nav": nav, **context}, status=status
    )
