"""Settings, Data: where the data is, how long it is kept, legal hold, archives, and leaving."""

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.asked import Asked
from tenants.context import current
from tenants.errors import Invalid, TenantryError
from tenants.lifecycle.exports import KEPT, export_ask, export_parts, exports_of
from tenants.lifecycle.holding import data_policy_of
from tenants.lifecycle.offboarding import (
    WAIT,
    offboarding_cancel,
    offboarding_request,
    offboarding_waiting,
    receipt_address,
)
from tenants.lifecycle.regionstate import region_moved
from tenants.lifecycle.retention import (
    data_policy_set,
    days_of,
    kinds,
    reports,
    retention_preview,
)
from tenants.registry.datamodels import StaffAccess
from tenants.registry.regions import region_choices
from tenants.registry.tasks import export_make_task
from tenants.signin.impersonating import visits_of
from tenants.streaming import streamed
from tenants.wording import day

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@role_required("admin")
def data_page(request: HttpRequest) -> HttpResponse:
    """Show the data policy and what it does; admins set days, owners the legal hold."""
    actor, tenant, error = actor_of(request), current(), ""
    if request.method == "POST":
        try:
            _changed(request)
        except TenantryError as refused:
            error = refused.detail
        else:
            messages.success(request, _("Saved"))
            return redirect("settings-data")
    return _page(request, actor.role == "owner", error, tenant)


def _changed(request: HttpRequest) -> None:
    actor, form = actor_of(request), request.POST
    version = form.get("version", "")
    expected = int(version) if version.isdecimal() and len(version) < 10 else None
    if form.get("part") == "hold":
        data_policy_set(
            actor=actor,
            hold=form.get("hold") == "1",
            reason=form.get("reason", ""),
            expected=expected,
        )
        return
    if form.get("part") == "staff":
        access = form.get("staff_access", "")
        data_policy_set(actor=actor, staff_access=access, expected=expected)
        return
    days = {kind.name: _days(kind.label, form.get(f"days_{kind.name}", "")) for kind in kinds()}
    data_policy_set(actor=actor, days=days, expected=expected)


def _days(label: "StrOrPromise", text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 6:
        raise Invalid(
            _("%(kind)s: give a whole number of days, or nothing to keep them for good.")
            % {"kind": label}
        )
    return int(text)


def _page(request: HttpRequest, owner: bool, error: str, tenant: Any) -> HttpResponse:
    policy = data_policy_of(tenant.id)
    preview = retention_preview(tenant)
    typed = request.POST if error else None
    leaving = offboarding_waiting()
    regions, moved = dict(region_choices()), region_moved(tenant.id)
    context = {
        "error": error,
        "policy": policy,
        "region": regions.get(tenant.region, tenant.region),
        "moved": moved,
        "moved_from": regions.get(moved.origin, moved.origin) if moved else "",
        "kinds": [
            {
                "kind": kind,
                "most": kind.most(tenant),
                "days": typed.get(f"days_{kind.name}", "") if typed else _shown(policy, kind),
                "in_force": days_of(policy, kind, tenant),
                "tonight": preview.get(kind.name),
                "usual": kind.usual(tenant),
            }
            for kind in kinds()
        ],
        "reason": typed.get("reason", "") if typed else "",
        "reports": reports(tenant),
        "staff_choices": StaffAccess.choices,
        "visits": visits_of(tenant.id),
        "owner": owner,
        "exports": exports_of(tenant) if owner else [],
        "kept_days": KEPT.days,
        "leaving": leaving,
        "receipt_address": receipt_address(leaving.id) if owner and leaving else "",
        "wait_days": WAIT.days,
    }
    return settings_page(request, "settings/data.html", context, status=422 if error else 200)


def _shown(policy: Any, kind: Any) -> Any:
    return policy.days.get(kind.name, "")


@require_POST
@role_required("owner")
def export_submit(request: HttpRequest) -> HttpResponse:
    """Have an archive of everything made."""
    try:
        row = export_ask(actor=actor_of(request))
    except TenantryError as refused:
        messages.warning(request, refused.detail)
    else:
        export_make_task.dispatch(str(row.id))
        messages.success(request, _("The archive is being made; it appears here"))
    return redirect("settings-data")


@require_GET
@role_required("owner")
def export_download(request: HttpRequest, export_id: UUID) -> Any:
    """Send an archive as it comes from the store."""
    row, parts = export_parts(actor=actor_of(request), export_id=export_id)
    answer = streamed(request, parts, "application/zip")
    answer["Content-Length"] = str(row.size)
    name = f"{current().slug}-{row.asked_at:%Y-%m-%d}.zip"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_POST
@role_required("owner")
def leave_submit(request: HttpRequest) -> HttpResponse:
    """Ask for the workspace to be erased, by its address in words; or take that back."""
    actor = actor_of(request)
    try:
        if request.POST.get("part") == "stay":
            offboarding_cancel(actor=actor)
            messages.success(request, _("The workspace stays"))
        elif request.POST.get("slug", "").strip() != current().slug:
            messages.warning(
                request,
                _("Type %(slug)s to confirm; nothing was asked for.") % {"slug": current().slug},
            )
        else:
            asked = offboarding_request(actor=actor)
            messages.success(
                request, _("All of it is erased on %(day)s") % {"day": day(asked.due_at)}
            )
    except TenantryError as refused:
        messages.warning(request, refused.detail)
    return redirect("settings-data")


class DataPolicySerializer(Asked):
    """What is in force. `days` by kind; null: kept for good. What a change leaves out stays."""

    version = serializers.IntegerField(
        required=False, min_value=0, help_text="In a change: the one you looked at; another: 409."
    )
    days = serializers.DictField(
        child=serializers.IntegerField(allow_null=True, min_value=0, max_value=999_999),
        required=False,
    )
    hold = serializers.BooleanField(required=False, help_text="Owners alone.")
    hold_reason = serializers.CharField(required=False, allow_blank=True, max_length=500)
    staff_access = serializers.ChoiceField(
        choices=StaffAccess.choices,
        required=False,
        help_text="Whether our staff may look at the workspace as a member does. Owners alone.",
    )


class DataPolicyView(APIView):
    """How long what is kept, and the legal hold."""

    roles: ClassVar = {"GET": "admin", "PATCH": "admin"}

    @extend_schema(operation_id="data_policy_read", responses=DataPolicySerializer)
    def get(self, request: Request) -> Response:
        return self._told()

    @extend_schema(
        operation_id="data_policy_change",
        request=DataPolicySerializer,
        responses=DataPolicySerializer,
    )
    def patch(self, request: Request) -> Response:
        """Change how long what is kept, or the legal hold."""
        given = DataPolicySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        data_policy_set(
            actor=actor_of(request),
            days=values.get("days"),
            hold=values.get("hold"),
            reason=values.get("hold_reason", ""),
            staff_access=values.get("staff_access"),
            expected=values.get("version"),
        )
        return self._told()

    def _told(self) -> Response:
        tenant = current()
        policy = data_policy_of(tenant.id)
        told = {
            "version": policy.version,
            "days": {kind.name: days_of(policy, kind, tenant) for kind in kinds()},
            "hold": policy.hold,
            "hold_reason": policy.hold_reason,
            "staff_access": policy.staff_access,
        }
        return Response(DataPolicySerializer(told).data)
