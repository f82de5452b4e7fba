"""Staff: ledger, log and AWS's bill side by side, and what is done about differences."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_date

from billing.models import (
    AwsCostDelivery,
    ReconciliationDecision,
    ReconciliationLine,
    ReconciliationPolicy,
    ReconciliationRun,
)
from billing.reconciliation.cases import Case, Standing, cases_of, may_issue, standings
from billing.reconciliation.deciding import Kind, case_decide, period_release
from billing.reconciliation.words import cause_text, state_text
from billing.tasks import true_ups
from tenants.accounts.selectors import actor_of
from tenants.csvfile import csv_response
from tenants.errors import TenantryError
from tenants.registry.models import Tenant
from tenants.staffpages import FixedRows, ReadOnly, StaffPage

CASES_SHOWN: Final = 200
STATES: Final = ("open", "waiting", "running", "accepted", "explained", "equal")


class ReasonForm(forms.Form):
    """What every decision needs: why, and the variance that was looked at."""

    reason = forms.CharField(max_length=500, min_length=5)
    seen = forms.CharField(max_length=60)


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace's period in one row."""

    tenant_id: UUID
    name: str
    ledger_usd: Decimal
    aws_usd: Decimal
    standing: Standing

    @property
    def variance_usd(self) -> Decimal:
        return self.aws_usd - self.ledger_usd


@admin.register(ReconciliationLine)
class ReconciliationAdmin(StaffPage):
    """The reconciliation page; single lines are read by their links."""

    list_display: ClassVar = ["day", "tenant_id", "model", "unit", "cause"]
    views: ClassVar = {
        "case/": "case",
        "release/": "release",
        "export/": "export",
    }

    def page(self, request: HttpRequest) -> HttpResponse:
        period, tenant, state = _asked(request)
        cases = cases_of(period)
        found = [case for case in cases if _wanted(case, tenant, state)]
        return self.shown(
            request,
            "billing/staff/reconciliation.html",
            title="Reconciliation",
            period=period,
            periods=_periods(period),
            run=ReconciliationRun.objects.filter(period=period).first(),
            delivery=AwsCostDelivery.objects.filter(period=period).first(),
            policy=ReconciliationPolicy.objects.get(),
            workspaces=_workspaces(period, cases),
            nobodys=sum((case.aws_usd for case in cases if case.tenant_id is None), Decimal(0)),
            ledger_usd=sum((case.ledger_usd for case in cases), Decimal(0)),
            aws_usd=sum((case.aws_usd for case in cases), Decimal(0)),
            variance_usd=sum((case.variance_usd for case in cases), Decimal(0)),
            open_cases=sum(case.state == "open" for case in cases),
            cases=[_told(case) for case in found[:CASES_SHOWN]],
            found=len(found),
            shown_at_most=CASES_SHOWN,
            tenant=tenant,
            state=state,
            states=STATES,
            query=request.GET.urlencode(),
        )

    def case(self, request: HttpRequest) -> HttpResponse:
        """Show one case by its units; POST decides it, and keeps the reason where it is refused."""
        case = _case_asked(request)
        if request.method == "POST" and self._decided(request, case):
            return redirect(request.get_full_path())
        lines = ReconciliationLine.objects.filter(
            day=case.day, tenant_id=case.tenant_id, model=case.model
        ).order_by("unit")
        return self.shown(
            request,
            "billing/staff/reconciliation_case.html",
            title=f"{case.model}, {case.day:%-d %B %Y}",
            case=case,
            state_text=state_text(case),
            lines=[(line, cause_text(line)) for line in lines],
            decisions=ReconciliationDecision.objects.filter(
                period=case.period, day=case.day, tenant_id=case.tenant_id, model=case.model
            ),
            can_true_up=bool(case.slug),
            may_decide=self._may_decide(request),
            reason=request.POST.get("reason", ""),
        )

    def _decided(self, request: HttpRequest, case: Case) -> bool:
        """Decide the case; return whether it was, and say so, or why not."""
        kind = {"accept": Kind.ACCEPT, "true_up": Kind.TRUE_UP}.get(request.POST.get("kind", ""))
        form = ReasonForm(request.POST)
        if not self._may_decide(request):
            messages.error(request, "Your account may look at the reconciliation and not decide.")
        elif kind is None or not form.is_valid():
            messages.error(request, "Say why, in five characters or more. Nothing was changed.")
        else:
            try:
                case_decide(
                    actor=actor_of(request),
                    kind=kind,
                    case=case,
                    reason=form.cleaned_data["reason"],
                    seen_usd=form.cleaned_data["seen"],
                )
            except TenantryError as error:
                messages.error(request, error.detail)
            else:
                if kind is Kind.TRUE_UP:
                    transaction.on_commit(_true_up_send, robust=True)
                messages.success(
                    request,
                    "The difference is accepted."
                    if kind is Kind.ACCEPT
                    else "The ledger is being moved to AWS's bill; look again in a moment.",
                )
                return True
        return False

    def release(self, request: HttpRequest) -> HttpResponse:
        """Show why a workspace's period is held; POST releases it, or keeps the reason."""
        period, tenant, _ = _asked(request)
        row = Tenant.objects.filter(id=tenant).first()
        if row is None:
            raise Http404
        standing = may_issue(row.id, period)
        if request.method == "POST":
            form = ReasonForm(request.POST)
            if not self._may_decide(request):
                messages.error(request, "Your account may look here and not decide.")
            elif not form.is_valid():
                messages.error(request, "Say why, in five characters or more. It is still held.")
            else:
                try:
                    period_release(
                        actor=actor_of(request),
                        tenant_id=row.id,
                        period=period,
                        reason=form.cleaned_data["reason"],
                        seen_usd=form.cleaned_data["seen"],
                    )
                except TenantryError as error:
                    messages.error(request, error.detail)
                else:
                    messages.success(request, f"{row.name} may be invoiced for {period:%B %Y}.")
                    return redirect(request.get_full_path())
        return self.shown(
            request,
            "billing/staff/reconciliation_release.html",
            title=f"{row.name}, {period:%B %Y}",
            workspace=row,
            period=period,
            standing=standing,
            decisions=ReconciliationDecision.objects.filter(
                period=period, tenant_id=row.id, kind=Kind.RELEASE
            ),
            may_decide=self._may_decide(request),
            reason=request.POST.get("reason", ""),
        )

    def export(self, request: HttpRequest) -> HttpResponse:
        """Download the cases that the page shows, all of them."""
        period, tenant, state = _asked(request)
        found = (case for case in cases_of(period) if _wanted(case, tenant, state))
        return csv_response(
            f"reconciliation-{period:%Y-%m}",
            ("day", "workspace", "tenant_id", "model", "ledger_usd", "aws_usd", "variance_usd",
             "ledger_logged_units", "log_units", "aws_logged_units", "aws_source", "allocated",
             "state", "explanation", "decision_reason"),
            (
                (case.day, case.workspace, case.tenant_id or "", case.model, case.ledger_usd,
                 case.aws_usd, case.variance_usd, case.booked, case.logged, case.billed,
                 case.source, case.allocated, case.state, state_text(case), case.reason or "")
                for case in found
            ),
        )  # fmt: skip

    def _may_decide(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("billing.add_reconciliationdecision"))


@admin.register(ReconciliationDecision)
class ReconciliationDecisionAdmin(ReadOnly):
    """Who decided what, when and why."""

    empty = "What staff decide about a difference stands here with its reason."
    list_display: ClassVar = [
        "decided_at", "kind", "state", "period", "tenant_id", "day", "model", "variance_usd",
        "reason", "corrections",
    ]  # fmt: skip
    list_filter: ClassVar = ["kind", "state", "period"]
    search_fields: ClassVar = ["tenant_id", "model", "reason"]


@admin.register(ReconciliationPolicy)
class ReconciliationPolicyAdmin(FixedRows):
    list_display: ClassVar = ["told", "settle_hours"]

    @admin.display(description="Tolerance")
    def told(self, row: ReconciliationPolicy) -> str:
        return str(row)


def _true_up_send() -> None:
    true_ups.apply_async(queue="ops")


def _asked(request: HttpRequest) -> tuple[date, UUID | None, str]:
    """Return the period, workspace and state that the address asks for; nonsense is left out."""
    latest = ReconciliationRun.objects.order_by("-period").first()
    default = latest.period if latest else date.today().replace(day=1)  # noqa: DTZ011 - UTC, see settings
    try:
        period = parse_date(f"{request.GET.get('period', '')}-01") or default
    except ValueError:
        period = default
    try:
        tenant = UUID(request.GET.get("tenant", ""))
    except ValueError:
        tenant = None
    state = request.GET.get("state", "")
    return period, tenant, state if state in STATES else ""


def _wanted(case: Case, tenant: UUID | None, state: str) -> bool:
    return (tenant is None or case.tenant_id == tenant) and (not state or case.state == state)


def _periods(period: date) -> list[date]:
    known = set(ReconciliationRun.objects.values_list("period", flat=True))
    return sorted(known | {period}, reverse=True)


def _workspaces(period: date, cases: list[Case]) -> list[WorkspaceRow]:
    found = standings(period, cases=cases)
    sums: dict[UUID, tuple[str, Decimal, Decimal]] = {}
    for case in cases:
        if case.tenant_id is not None:
            name, ledger, aws = sums.get(case.tenant_id, ("", Decimal(0), Decimal(0)))
            sums[case.tenant_id] = (
                case.workspace or name or f"unknown: {case.tenant_id}",
                ledger + case.ledger_usd,
                aws + case.aws_usd,
            )
    rows = [
        WorkspaceRow(tenant, name, ledger, aws, found[tenant])
        for tenant, (name, ledger, aws) in sums.items()
    ]
    return sorted(rows, key=lambda row: (-row.standing.exposed, row.name))


def _told(case: Case) -> dict[str, Any]:
    where = reverse("admin:billing_reconciliationline_case")
    query = f"period={case.period:%Y-%m}&day={case.day}&model={case.model}"
    return {
        "case": case,
        "text": state_text(case),
        "href": f"{where}?{query}&tenant={case.tenant_id or ''}",
    }


def _case_asked(request: HttpRequest) -> Case:
    period, tenant, _ = _asked(request)
    for case in cases_of(period, [tenant] if tenant else None):
        if (
            case.tenant_id == tenant
            and f"{case.day}" == request.GET.get("day")
            and case.model == request.GET.get("model")
        ):
            return case
    raise Http404
