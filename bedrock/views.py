"""How a request was answered, and the settings page of a workspace's safety."""

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from bedrock.errors import ModelError, RulesWrong
from bedrock.services import newest, safety_restore, safety_set
from bedrock.told import finding_named, safety_told
from bedrock.why import request_explained
from tenants.accounts.models import role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.context import current
from tenants.errors import Forbidden, Invalid, TenantryError


@require_GET
@role_required("viewer")
def request_why(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Return how a request was answered and what it cost."""
    return render(request, "bedrock/_why.html", request_explained(actor_of(request), request_id))


@role_required("viewer")
def safety_page(request: HttpRequest) -> HttpResponse:
    """Show the posture in plain words and the workspace's own rules; an admin changes them."""
    actor = actor_of(request)
    error, typed, part = "", request.POST, request.POST.get("part", "")
    if request.method == "POST":
        if not role_reaches(actor.role, "admin"):
            raise Forbidden
        try:
            safety_set(actor=actor, expected=version_of(request), **_rules_of(request))
        except TenantryError as refused:
            error = refused.detail
        else:
            messages.success(request, _("Saved; in force within five seconds"))
            return redirect("settings-safety")
    told = safety_told(current())
    context: dict[str, Any] = {
        "safety": told,
        "error": error,
        "typed_words": typed.get("words") if part == "words" else None,
        "may_change": role_reaches(actor.role, "admin"),
        "tab": "rules",
    }
    thresholds = dict(told["thresholds"])
    if part == "thresholds":  # a refusal loses nothing of what was typed
        thresholds = {name[2:]: value for name, value in typed.items() if name.startswith("t_")}
        told["least_grounding"] = typed.get("least_grounding")
    if error and part == "topics":
        told["topics"] = _topics_of(request)
    context["thresholds_set"] = bool(thresholds) or told["least_grounding"] is not None
    context["checks"] = [
        (title, [
            (name, finding_named(name), thresholds.get(name))
            for name in told["checks"][kind]
        ])
        for title, kind in (
            (_("Content"), "content"),
            (_("Prompt attacks"), "attacks"),
            (_("Personal data"), "personal"),
        )
    ]  # fmt: skip
    return settings_page(request, "bedrock/safety.html", context, status=422 if error else 200)


def version_of(request: HttpRequest) -> int:
    """Return the version that the posted form was made from. Raises Invalid where it tells none.

    A form without it is cut off: what it does not hold would count as switched off.
    """
    given = request.POST.get("version", "")
    if given.isdecimal() and len(given) < 10:
        return int(given)
    raise Invalid(_("The form came incomplete, so nothing was changed. Load the page again."))


def _rules_of(request: HttpRequest) -> dict[str, Any]:
    """Return the part of the rules that the posted form is about."""
    form = request.POST
    if form.get("part") == "words":
        return {"words": form.get("words", "").splitlines()}
    if form.get("part") == "thresholds":
        given = {name[2:]: value for name, value in form.items() if name.startswith("t_") and value}
        least = form.get("least_grounding") or None
        return {
            "thresholds": {name: _number(str(value)) for name, value in given.items()},
            "least_grounding": None if least is None else _number(least),
            "grounding_given": True,
        }
    return {"topics": _topics_of(request)}


def _topics_of(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the topics that the form holds, with the examples of those that were there before."""
    form = request.POST
    names, definitions = form.getlist("topic_name"), form.getlist("topic_definition")
    examples = {topic["name"]: topic.get("examples", []) for topic in newest(current()).topics}
    return [
        {"name": name, "definition": definition, "examples": examples.get(name.strip(), [])}
        for name, definition in zip(names, definitions, strict=False)
        if name.strip() or definition.strip()
    ]


def _number(value: str) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation:
        raise RulesWrong(_("A threshold is a number from 0.05 to 1.")) from None


@require_POST
@role_required("admin")
def safety_restore_action(request: HttpRequest, version: int) -> HttpResponse:
    """Set an earlier version again; what stands against it is told on the page."""
    try:
        safety_restore(actor=actor_of(request), version=version, expected=version_of(request))
    except ModelError as refused:
        messages.warning(request, refused.detail)
    return redirect("settings-safety")
