"""One request from end to end: how it was answered, what AWS logged, what it cost, who did what."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from assistant.access import message_address
from bedrock.namedtexts import reason_told
from bedrock.selectors import decisions_of, logged_of
from bedrock.why import request_explained
from billing.invoices.selectors import lines_of_request
from tenants.accounts.deeds import deed_told
from tenants.accounts.models import AuditEvent, role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of


@require_GET
@role_required("viewer")
def request_record(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show the record of a request: one's own, and for admins everybody's, never what was said."""
    actor = actor_of(request)
    told = request_explained(actor, request_id)
    admin, owner = role_reaches(actor.role, "admin"), actor.role == "owner"
    decisions = decisions_of(request_id)
    for row in decisions:
        row.reason = reason_told(row.reason)
    audited = AuditEvent.objects.filter(request_id=str(request_id))[:20] if admin else []
    context: dict[str, Any] = {
        **told,
        "decisions": decisions,
        "logged": logged_of(request_id),
        "lines": lines_of_request(request_id) if owner else [],
        "audit": [(event, deed_told(event.action)) for event in audited],
        "admin": admin,
        "owner": owner,
        "message_href": message_address(actor, request_id),
        "ledger_href": reverse("usage_request", args=[request_id]) if told["units"] else "",
    }
    return render(request, "assistant/record.html", context)
