"""Settings, Assistant: its name, instructions, language, models and features; by page and REST."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bedrock.errors import RulesChanged
from bedrock.models import AssistantSettings
from bedrock.prompting import (
    FEATURES,
    INSTRUCTION_CHARACTERS,
    LANGUAGES,
    NAME_CHARACTERS,
    OWN,
    assistant_newest,
    assistant_restore,
    assistant_set,
)
from bedrock.views import version_of
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.asked import Asked
from tenants.context import current
from tenants.errors import TenantryError

HISTORY = 20


@role_required("admin")
def assistant_page(request: HttpRequest) -> HttpResponse:
    """Show and change how the workspace has its assistant."""
    error, form = "", request.POST
    if request.method == "POST":
        values = {
            "name": form.get("name", ""),
            "instructions": form.get("instructions", ""),
            "language": form.get("language", ""),
            "frontier": "frontier" in form,
            "off": [name for name in FEATURES if f"on_{name}" not in form],
        }
        try:
            assistant_set(actor=actor_of(request), values=values, expected=version_of(request))
        except TenantryError as refused:
            error = refused.detail
        else:
            messages.success(request, _("Saved; in force within five seconds"))
            return redirect("settings-assistant")
    row = assistant_newest(current())
    shown: dict[str, Any] = values if error else {name: getattr(row, name) for name in OWN}
    context = {
        "error": error,
        "shown": shown,
        "version": row.version,
        "languages": sorted(
            ((code, _(name)) for code, name in LANGUAGES.items()), key=lambda each: each[1]
        ),
        "features": [(name, told, name not in shown["off"]) for name, told in FEATURES.items()],
        "name_most": NAME_CHARACTERS,
        "instructions_most": INSTRUCTION_CHARACTERS,
        "history": _history(),
    }
    return settings_page(request, "bedrock/assistant.html", context, status=422 if error else 200)


@require_POST
@role_required("admin")
def assistant_restore_submit(request: HttpRequest, version: int) -> HttpResponse:
    """Set an earlier version again."""
    try:
        assistant_restore(actor=actor_of(request), version=version, expected=version_of(request))
    except RulesChanged as refused:
        messages.warning(request, refused.detail)
    return redirect("settings-assistant")


def _history() -> list[dict[str, Any]]:
    """Return the latest versions, each with what is off in the reader's words."""
    rows = AssistantSettings.objects.filter(tenant_id=current().id).order_by("-version")
    return [{"row": row, "off": [FEATURES[name] for name in row.off]} for row in rows[:HISTORY]]


class AssistantSettingsSerializer(Asked):
    """What is in force. What a change leaves out stays as it is."""

    version = serializers.IntegerField(
        required=False, min_value=0, help_text="In a change: the one you looked at; another: 409."
    )
    name = serializers.CharField(required=False, allow_blank=True)
    instructions = serializers.CharField(required=False, allow_blank=True)
    language = serializers.CharField(required=False, allow_blank=True)
    frontier = serializers.BooleanField(required=False)
    off = serializers.ListField(child=serializers.CharField(), required=False)


class AssistantSettingsView(APIView):
    """How the workspace has its assistant."""

    roles: ClassVar = {"GET": "admin", "PATCH": "admin"}

    @extend_schema(operation_id="assistant_read", responses=AssistantSettingsSerializer)
    def get(self, request: Request) -> Response:
        return Response(AssistantSettingsSerializer(assistant_newest(current())).data)

    @extend_schema(
        operation_id="assistant_change",
        request=AssistantSettingsSerializer,
        responses=AssistantSettingsSerializer,
    )
    def patch(self, request: Request) -> Response:
        """Change how the workspace has its assistant."""
        given = AssistantSettingsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        expected = values.pop("version", None)
        row = assistant_set(actor=actor_of(request), values=values, expected=expected)
        return Response(AssistantSettingsSerializer(row).data)


class AssistantRestoreView(APIView):
    """Set an earlier version again, as a new one."""

    roles: ClassVar = {"POST": "admin"}

    @extend_schema(
        operation_id="assistant_restore", request=None, responses=AssistantSettingsSerializer
    )
    def post(self, request: Request, version: int) -> Response:
        row = assistant_restore(actor=actor_of(request), version=version)
        return Response(AssistantSettingsSerializer(row).data)
