"""One request from end to end: how it was answered, what AWS logged, what it cost, who did what."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from assistant.access import message_address
from bedrock.why import request_explained
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of


@require_GET
@role_required("viewer")
def request_record(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show the record of a request: one's own, and for admins everybody's, never what was said."""
    actor = actor_of(request)
    told = request_explained(actor, request_id)
    context: dict[str, Any] = {
        **told,
        "message_href": message_address(actor, request_id),
        "ledger_href": reverse("usage_request", args=[request_id]) if told["units"] else "",
    }
    return render(request, "assistant/record.html", context)
