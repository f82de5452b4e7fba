"""What the pages of the settings share, whichever app shows them."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

NAV: Final = [
    {"label": "Members", "href": "/settings/members/", "icon": "users"},
    {"label": "API keys", "href": "/settings/keys/", "icon": "key"},
    {"label": "Safety", "href": "/settings/safety/", "icon": "shield"},
    {"label": "Workspace", "href": "/settings/workspace/", "icon": "settings"},
]


def settings_page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render a page of the settings with their navigation."""
    return render(request, template, {"settings_nav": NAV, **context}, status=status)
