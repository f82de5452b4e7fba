"""Settings, Webhooks: where events are sent, and what became of each."""

import json
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from tenants.accounts.limits import HOOK, attempt_count
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.errors import Conflict, Invalid
from tenants.seen import seen_check, seen_turn
from tenants.webhooks.delivering import attempt_error_told
from tenants.webhooks.events import event_types
from tenants.webhooks.models import Delivery, Endpoint
from tenants.webhooks.services import (
    delivery_replay,
    endpoint_change,
    endpoint_create,
    endpoint_delete,
    endpoint_of,
    endpoint_test,
    endpoints,
    secret_rotate,
)

SHOWN: Final = 50


@role_required("admin")
def webhooks_page(request: HttpRequest) -> HttpResponse:
    """List the webhooks; make one, whose secret is shown this once."""
    actor = actor_of(request)
    context: dict[str, Any] = {"error": "", "typed": request.POST, "secret": ""}
    if request.method == "POST":
        try:
            context["made"], context["secret"] = endpoint_create(
                actor=actor,
                url=request.POST.get("url", ""),
                events=request.POST.getlist("events"),
                description=request.POST.get("description", ""),
            )
            context["typed"] = {}
        except (Invalid, Conflict) as refused:
            context["error"] = refused.detail
            context["chosen"] = request.POST.getlist("events")
    context |= {"endpoints": endpoints(actor), "types": event_types()}
    status = 422 if context["error"] else 200
    return settings_page(request, "settings/webhooks.html", context, status=status)


@role_required("admin")
def webhook_page(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Show a webhook with its latest deliveries; POST changes it, or does one of its acts."""
    actor = actor_of(request)
    endpoint = endpoint_of(actor, endpoint_id)
    context: dict[str, Any] = {"error": "", "secret": ""}
    if request.method == "POST":
        try:
            done = _act(request, endpoint, context)
        except (Invalid, Conflict) as refused:
            context["error"] = refused.detail
            if request.POST.get("act") == "change":
                context["typed"] = request.POST
        else:
            if done is not None:
                return done
        endpoint = endpoint_of(actor, endpoint_id)
    typed = context.get("typed")
    context["chosen"] = typed.getlist("events") if typed else endpoint.events
    context |= {"endpoint": endpoint, "types": event_types(), "deliveries": _told(endpoint)}
    status = 422 if context["error"] else 200
    return settings_page(request, "settings/webhook.html", context, status=status)


def _act(request: HttpRequest, endpoint: Endpoint, context: dict[str, Any]) -> HttpResponse | None:
    """Do what the form asks; return where to go, or None to show the page."""
    actor, act = actor_of(request), request.POST.get("act", "")
    if act == "rotate":
        _, context["secret"] = secret_rotate(actor=actor, endpoint_id=endpoint.id)
        return None
    if act == "delete":
        endpoint_delete(actor=actor, endpoint_id=endpoint.id)
        messages.success(request, gettext("The webhook is deleted."))
        return redirect("settings-webhooks")
    if act == "test":
        attempt_count(HOOK, request, str(actor.user_id))
        endpoint_test(actor=actor, endpoint_id=endpoint.id)
        messages.success(
            request, gettext("The test event is on its way; reload to see what came of it.")
        )
    elif act in ("on", "off"):
        endpoint_change(actor=actor, endpoint_id=endpoint.id, enabled=act == "on")
        messages.success(
            request,
            gettext("The webhook is switched on.")
            if act == "on"
            else gettext("The webhook is switched off."),
        )
    elif act == "change":
        seen_check(request.POST, *_shown(endpoint))  # before anybody is asked
        endpoint_change(
            actor=actor,
            endpoint_id=endpoint.id,
            held=lambda: seen_turn(
                request.POST,
                f"webhook:{endpoint.id}",
                lambda: _shown(endpoint_of(actor, endpoint.id)),
            ),
            url=request.POST.get("url", ""),
            events=request.POST.getlist("events"),
            description=request.POST.get("description", ""),
        )
        messages.success(request, gettext("The webhook is changed."))
    else:
        raise Invalid(gettext("Choose one of the page's buttons."))
    return redirect("settings-webhook", endpoint.id)


def _shown(endpoint: Endpoint) -> list[Any]:
    """Return what the form that changes an endpoint was filled in from."""
    return [endpoint.url, endpoint.description, endpoint.events]


@require_POST
@role_required("admin")
def delivery_replay_action(
    request: HttpRequest, endpoint_id: UUID, delivery_id: UUID
) -> HttpResponse:
    """Send an event again."""
    actor = actor_of(request)
    attempt_count(HOOK, request, str(actor.user_id))
    delivery_replay(actor=actor, endpoint_id=endpoint_id, delivery_id=delivery_id)
    messages.success(
        request, gettext("The event is on its way again; reload to see what came of it.")
    )
    return redirect("settings-webhook", endpoint_id)


def _told(endpoint: Endpoint) -> list[dict[str, Any]]:
    tones = {
        Delivery.State.WAITING: "queued",
        Delivery.State.DELIVERED: "ready",
        Delivery.State.FAILED: "failed",
    }
    return [
        {
            "delivery": each,
            "body": json.dumps(json.loads(each.body), indent=2, ensure_ascii=False),
            "tone": tones[Delivery.State(each.state)],
            "last": each.log[-1] if each.log else None,
            "why": attempt_error_told(each.log[-1]["error"]) if each.log else "",
        }
        for each in endpoint.deliveries.all()[:SHOWN]
    ]
