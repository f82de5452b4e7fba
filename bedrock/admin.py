"""Staff: which model fills which role, and what stands in AWS. Decisions are read-only."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bedrock import logadmin  # noqa: F401 - registers its lists
from bedrock.models import (
    BatchJob,
    BatchRule,
    Guardrail,
    GuardrailCheck,
    InferenceProfile,
    Intervention,
    KnowledgeBase,
    KnowledgePool,
    LoggedCall,
    Model,
    ModelRoute,
    PolicyDecision,
    PostureRequest,
    ProfileCheck,
    ProvisionedModel,
    Reranker,
    RoutePolicy,
    SafetyRules,
    Tier,
)
from bedrock.posturing import posture_decide
from billing.models import LedgerLine
from billing.money import all_digits
from billing.stafflists import ByPlan, plan_name
from billing.templatetags.humanize_usage import feature_name
from tenants.accounts.selectors import staff_actor
from tenants.errors import TenantryError
from tenants.stafffields import ByWorkspace
from tenants.staffforms import ModelAdmin
from tenants.staffpages import FixedRows, ReadOnly


@admin.register(Model)
class ModelAdminPage(ModelAdmin):
    """A change takes effect in every process within seconds."""

    list_display: ClassVar = [
        "name", "model_id", "reads", "writes", "supports", "image_tokens", "cache_minimum",
    ]  # fmt: skip
    search_fields: ClassVar = ["name", "model_id"]

    @admin.display(description="Context window", ordering="context_window")
    def reads(self, row: Model) -> str:
        return f"{row.context_window:,}"

    @admin.display(description="Supports")
    def supports(self, row: Model) -> str:
        can = {"tools": row.supports_tools, "translating": row.supports_translate,
               "changing tone": row.supports_tone, "effort": row.supports_effort}  # fmt: skip
        return ", ".join(name for name, does in can.items() if does) or "-"

    @admin.display(description="Max output", ordering="max_output")
    def writes(self, row: Model) -> str:
        return f"{row.max_output:,}"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["model_id"] if obj else []  # prices and profiles refer to it

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # decisions of the past name it


@admin.register(ModelRoute)
class ModelRouteAdmin(ModelAdmin):
    """Add a route that begins on a later day; provisioning then makes its profiles."""

    list_display: ClassVar = ["role", "geography", "model", "source", "starts_on"]
    sortable_by: ClassVar[list[str]] = []
    list_filter: ClassVar = ["role", "geography"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _begun(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _begun(obj)


def _begun(route: ModelRoute | None) -> bool:
    return route is not None and route.starts_on <= datetime.now(UTC).date()


@admin.register(Tier)
class TierAdmin(ByPlan, ModelAdmin):
    """Whether a plan's workspaces share inference profiles, and what else a plan brings."""

    list_display: ClassVar = ["plan", "profiles", "reranked"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["plan"] if obj else []


@admin.register(RoutePolicy)
class RoutePolicyAdmin(ByPlan, ModelAdmin):
    """What leads a plan's feature to the frontier model; in effect within seconds."""

    list_display: ClassVar = [
        "feature_told", "plan_told", "role", "tool_rounds", "tokens", "least_grounding", "choice",
        "service_tier", "effort", "cache_hour",
    ]  # fmt: skip
    list_filter: ClassVar = ["feature", "plan"]
    sortable_by: ClassVar[list[str]] = []

    @admin.display(description="Feature")
    def feature_told(self, row: RoutePolicy) -> str:
        return feature_name(row.feature) if row.feature else "Every feature"

    @admin.display(description="Plan")
    def plan_told(self, row: RoutePolicy) -> str:
        return plan_name(row.plan) if row.plan else "Every plan"

    @admin.display(description="Frontier above tokens to read")
    def tokens(self, row: RoutePolicy) -> str:
        return "-" if row.context_tokens is None else f"{row.context_tokens:,}"


@admin.register(ProvisionedModel)
class ProvisionedModelAdmin(ByWorkspace, ByPlan, ModelAdmin):
    """Throughput bought by the hour, and whom it serves."""

    empty = "Nothing is bought by the hour: calls go to models on demand."
    list_display: ClassVar = [
        "arn", "region", "role", "plan", "tenant_id", "model", "usd_per_hour", "serving"
    ]  # fmt: skip
    list_filter: ClassVar = ["region", "role", "serving"]
    list_select_related: ClassVar = ["model"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # the ledger names it; take it out of service instead


@admin.register(Guardrail)
class GuardrailAdmin(ReadOnly):
    """Postures' and workspaces' own guardrails, and how the last check found them."""

    empty = "`manage.py provision_aws` makes one for each posture and Region."
    list_display: ClassVar = [
        "posture", "region", "tenant_id", "version", "state", "checked_at", "guardrail_id",
    ]  # fmt: skip
    list_filter: ClassVar = ["posture", "region", "state"]
    search_fields: ClassVar = ["tenant_id", "guardrail_id"]
    fields: ClassVar = [
        "posture", "region", "tenant_id", "version", "arn", "stream_mode", "state", "checked_at",
        "policies", "fingerprint", "updated_at",
    ]  # fmt: skip
    readonly_fields: ClassVar = ["policies"]

    @admin.display(description="Definition")
    def policies(self, row: Guardrail) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(row.definition, indent=2))


@admin.register(GuardrailCheck)
class GuardrailCheckAdmin(FixedRows):
    """What the last check of each Region found; quota and reserve alone are edited."""

    empty = "The first check of a Region stands here when it has run."
    list_display: ClassVar = [
        "region", "checked_at", "total", "own", "foreign", "quota", "reserve", "warning"
    ]  # fmt: skip
    readonly_fields: ClassVar = [
        "region", "checked_at", "total", "own", "foreign", "done", "warning"
    ]  # fmt: skip


@admin.register(Intervention)
class InterventionAdmin(ReadOnly):
    """What was blocked and masked, by day and policy; texts are not kept."""

    empty = "Guardrails have blocked and masked nothing yet."
    list_display: ClassVar = [
        "created_at", "tenant_id", "feature", "origin", "side", "policy", "finding", "action",
        "count", "guardrail_version",
    ]  # fmt: skip
    list_filter: ClassVar = ["action", "origin", "policy", "side", "feature"]
    search_fields: ClassVar = ["tenant_id", "request_id"]
    date_hierarchy = "created_at"


@admin.register(SafetyRules)
class SafetyRulesAdmin(ReadOnly):
    """Versions of workspaces' own rules: how many, not which words."""

    empty = "No workspace has rules of its own: each goes by its posture."
    list_display: ClassVar = ["tenant_id", "version", "changed_at", "changed_by", "restored_from"]
    fields: ClassVar = [
        "tenant_id", "version", "thresholds", "least_grounding", "changed_at", "changed_by",
        "restored_from",
    ]  # fmt: skip
    search_fields: ClassVar = ["tenant_id"]


@admin.register(InferenceProfile)
class InferenceProfileAdmin(ReadOnly):
    empty = "They are made when a workspace or a plan is provisioned."
    list_display: ClassVar = [
        "name", "region", "plan", "role", "model", "tenant_id", "state_told", "checked_at",
    ]  # fmt: skip
    sortable_by: ClassVar = ["name", "workspace", "state_told", "checked_at"]
    list_filter: ClassVar = ["region", "plan", "role", "state"]
    list_select_related: ClassVar = ["model"]
    search_fields: ClassVar = ["name", "arn", "tenant_id"]

    @admin.display(description="State", ordering="state")
    def state_told(self, row: InferenceProfile) -> str:
        """Return the state, and since when a profile is no longer used or there."""
        for word, at in (("deleted", row.deleted_at), ("retired", row.retired_at)):
            if at:
                return f"{row.state}, {word} {at:%-d %b %Y}"
        return row.state


@admin.register(ProfileCheck)
class ProfileCheckAdmin(FixedRows):
    """What the last reconciliation of each Region found; the quota alone is edited."""

    empty = "The first check of a Region stands here when it has run."
    list_display: ClassVar = [
        "region", "checked_at", "total", "quota", "foreign", "waiting", "warning"
    ]  # fmt: skip
    readonly_fields: ClassVar = [
        "region", "checked_at", "total", "foreign", "waiting", "done", "warning"
    ]  # fmt: skip


@admin.register(PolicyDecision)
class PolicyDecisionAdmin(ReadOnly):
    empty = "What was decided about a model call stands here with its reason."
    list_display: ClassVar = [
        "created_at", "tenant_id", "feature", "operation", "region", "reason", "model_id"
    ]  # fmt: skip
    list_filter: ClassVar = ["operation", "region", "feature"]
    search_fields: ClassVar = ["request_id", "tenant_id", "profile_arn"]
    readonly_fields: ClassVar = ["booked", "logged"]

    @admin.display(description="In the ledger")
    def booked(self, row: PolicyDecision) -> SafeString:
        lines = LedgerLine.objects.filter(
            tenant_id=row.tenant_id, request_id=row.request_id, reservation_id=row.reservation_id
        ).order_by("attempt", "unit")
        return _lines(
            (line.attempt, line.unit.replace("_", " "), f"{line.quantity:,}", line.kind,
             all_digits(line.usd or Decimal(0)), "estimated" if line.estimated else "")
            for line in lines
        )  # fmt: skip

    @admin.display(description="In the invocation log")
    def logged(self, row: PolicyDecision) -> SafeString:
        calls = LoggedCall.objects.filter(reservation_id=row.reservation_id).order_by("at")
        return _lines(
            (call.attempt, call.aws_request_id, call.error_code or call.units, call.state,
             call.content_key)
            for call in calls
        )  # fmt: skip


def _lines(rows: Iterable[Iterable[object]]) -> SafeString:
    found = format_html_join(
        "\n", "{}", ((" · ".join(str(each) for each in row if each != ""),) for row in rows)
    )
    return format_html("<pre>{}</pre>", found or "nothing")


@admin.register(BatchRule)
class BatchRuleAdmin(ByPlan, ModelAdmin):
    """When a plan's documents are embedded by batch jobs; a change takes effect at once."""

    list_display: ClassVar = [
        "plan", "allowed", "bulk_documents", "bulk_passages", "least_passages", "quiet_seconds",
        "window_seconds",
    ]  # fmt: skip
    sortable_by: ClassVar[list[str]] = []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["plan"] if obj else []


@admin.register(BatchJob)
class BatchJobAdmin(ReadOnly):
    """Batch inference jobs and how far they are."""

    empty = "Bulk uploads are embedded by batch jobs; none has been needed yet."
    list_display: ClassVar = [
        "created_at", "tenant_id", "feature", "state", "aws_status", "records", "processed",
        "succeeded", "failed", "tokens", "ended_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "aws_status", "region"]
    search_fields: ClassVar = ["id", "arn", "tenant_id"]


@admin.register(KnowledgePool)
class KnowledgePoolAdmin(FixedRows):
    """How many Knowledge Bases AWS lets us have, and how many of them tenants may take."""

    list_display: ClassVar = ["kind", "position", "quota", "reserve", "taken"]
    readonly_fields: ClassVar = ["kind"]

    @admin.display(description="Taken, by Region")
    def taken(self, pool: KnowledgePool) -> str:
        rows = KnowledgeBase.objects.filter(kind=pool.kind).values_list("region", flat=True)
        counts = Counter(rows)
        return ", ".join(f"{region} {count}" for region, count in sorted(counts.items())) or "0"


@admin.register(KnowledgeBase)
class KnowledgeBaseAdmin(ReadOnly):
    empty = "One is made when a workspace's documents are kept in a Knowledge Base."
    list_display: ClassVar = ["name", "region", "kind", "tenant_id", "knowledge_base_id"]
    list_filter: ClassVar = ["region", "kind"]
    search_fields: ClassVar = ["name", "tenant_id", "arn"]


@admin.register(Reranker)
class RerankerAdmin(ModelAdmin):
    """The reranking model of each Region that offers one; how many passages, the tiers say."""

    list_display: ClassVar = ["region", "model_id", "weight"]


@admin.register(PostureRequest)
class PostureRequestAdmin(ReadOnly):
    """Workspaces that ask for a looser posture; a decision is in force at once and on record."""

    empty = "No workspace has asked for a looser posture."
    list_display: ClassVar = [
        "asked_at", "tenant_id", "before", "posture", "state", "reason", "decided_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "posture"]
    search_fields: ClassVar = ["tenant_id"]
    actions: ClassVar = ["approve", "refuse"]

    @admin.action(
        permissions=["act"], description="Approve: the looser posture is in force at once"
    )
    def approve(self, request: HttpRequest, rows: QuerySet[PostureRequest]) -> None:
        self._decide(request, rows, approve=True)

    @admin.action(permissions=["act"], description="Refuse: the posture stays as it is")
    def refuse(self, request: HttpRequest, rows: QuerySet[PostureRequest]) -> None:
        self._decide(request, rows, approve=False)

    def _decide(
        self, request: HttpRequest, rows: QuerySet[PostureRequest], *, approve: bool
    ) -> None:
        staff = staff_actor(request)
        for row in list(rows):
            try:
                posture_decide(staff=staff, request=row, approve=approve)
            except TenantryError as refused:
                self.message_user(request, f"{row}: {refused.detail}", messages.ERROR)
            else:
                done = "approved and in force" if approve else "refused"
                self.message_user(request, f"{row.before} to {row.posture}: {done}.")
