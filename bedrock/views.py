"""Fragments of pages: how a request was answered."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from bedrock.why import request_explained
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of


@require_GET
@role_required("viewer")
def request_why(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Return how a request was answered and what it cost."""
    return render(request, "bedrock/_why.html", request_explained(actor_of(request), request_id))
