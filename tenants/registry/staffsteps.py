"""What staff do with a workspace: each step asks first, wants a reason, and is on both records.

A page says for each chosen workspace what will happen, or why it stays as it is. The reason stands
in staff's audit and in the workspace's own. Apps above add steps in their `admin.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from tenants.accounts.audit import audit_write
from tenants.accounts.selectors import staff_actor
from tenants.context import Actor, entered
from tenants.errors import Conflict, TenantryError
from tenants.lifecycle.offboarding import WAIT, offboarding_cancel, offboarding_request
from tenants.lifecycle.regionstate import region_move_refuse
from tenants.lifecycle.restoring import restore_unfinished
from tenants.registry.models import Offboarding, Onboarding, Status, Tenant
from tenants.registry.tasks import onboarding_dispatch
from tenants.sockets import workspace_sockets_close
from tenants.staffforms import ModelAdmin

REASON: Final = range(10, 501)  # characters
ONE: Final = "Choose one workspace: this is done one at a time."
HAS_SCHEMA: Final = (Status.ACTIVE, Status.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Step:
    """`told` says what the step does to a workspace, and `run` does it and says so in a sentence.

    Both get what was chosen, and raise a TenantryError where the workspace stays as it is. `verb`
    is the right in `config/staffroles.py`; `typed`: one workspace at a time, its address typed out.
    `choices` raises where there is nothing to choose; the name of one without a value says why it
    cannot be had.
    """

    name: str
    label: str
    verb: str
    told: Callable[[Tenant, str], Sequence[str]]
    run: Callable[[Actor, Tenant, str], str]
    choices: Callable[[list[Tenant]], Sequence[tuple[str, str]]] | None = None
    typed: bool = False
    after: str = "admin:registry_tenant_changelist"


Action = Callable[[ModelAdmin, HttpRequest, QuerySet[Tenant]], HttpResponse]


def step_action(step: Step) -> Action:
    """Return the step as an action of the list of workspaces."""

    @admin.action(permissions=[step.verb], description=f"{step.label}…")
    def act(page: ModelAdmin, request: HttpRequest, rows: QuerySet[Tenant]) -> HttpResponse:
        asked = Asked.of(request, step, list(rows.order_by("slug")))
        if asked.confirmed and not asked.error:
            asked.run(request)
            return redirect(step.after)
        return TemplateResponse(
            request,
            "staff/step.html",
            {
                **admin.site.each_context(request),
                "opts": page.opts,
                "title": step.label,
                "step": step,
                "asked": asked,
            },
            status=422 if asked.confirmed else 200,
        )

    act.__name__ = step.name
    return act


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form has said so far."""

    step: Step
    rows: list[Tenant]
    choices: Sequence[tuple[str, str]]
    closed: str  # why there is nothing to choose
    choice: str
    reason: str
    typed: str
    confirmed: bool

    @classmethod
    def of(cls, request: HttpRequest, step: Step, rows: list[Tenant]) -> "Asked":
        choices, closed = _choices(step, rows)
        choice = request.POST.get("choice", "")
        return cls(
            step=step,
            rows=rows,
            choices=choices,
            closed=closed,
            choice=choice if choice in dict(choices) else "",
            reason=" ".join(request.POST.get("reason", "").replace("\x00", "").split()),
            typed=request.POST.get("typed", "").strip(),
            confirmed=bool(request.POST.get("confirmed")),
        )

    @property
    def chosen(self) -> bool:
        """Return whether it is known what is to happen."""
        return not self.closed and (self.step.choices is None or bool(self.choice))

    @property
    def effects(self) -> list[tuple[Tenant, Sequence[str], str]]:
        """Return for each workspace what will happen, or why nothing will."""
        found: list[tuple[Tenant, Sequence[str], str]] = []
        for tenant in self.rows:
            try:
                found.append((tenant, self.step.told(tenant, self.choice), ""))
            except TenantryError as refused:
                found.append((tenant, (), refused.detail))
        return found

    @property
    def error(self) -> str:
        """Return what is still wrong with the form; empty where it can be done."""
        if self.closed:
            return self.closed
        if not self.chosen:
            return "Choose what it should be."
        if self.step.typed and len(self.rows) != 1:
            return ONE
        if self.step.typed and self.typed != self.rows[0].slug:
            return "Type the workspace's address to show that it is the right one."
        if len(self.reason) not in REASON:
            least, most = REASON.start, REASON.stop - 1
            return f"Say why in {least} to {most} characters; both records keep it."
        return ""

    def run(self, request: HttpRequest) -> None:
        """Do it for each workspace, each in a transaction of its own, and say what was done."""
        actor = staff_actor(request)
        for tenant in self.rows:
            try:
                said = self._one(actor, tenant)
            except TenantryError as refused:
                messages.error(request, f"{tenant.slug} stays as it is: {refused.detail}")
            else:
                messages.success(request, said)

    @transaction.atomic
    def _one(self, actor: Actor, tenant: Tenant) -> str:
        told: dict[str, Any] = {"reason": self.reason}
        if self.choice:
            told["choice"] = self.choice
        deed: dict[str, Any] = {
            "action": f"workspace.{self.step.name}",
            "object_type": "workspace",
            "object_id": tenant.id,
        }
        had_schema = tenant.status in HAS_SCHEMA
        said = self.step.run(actor, tenant, self.choice)
        audit_write(actor, **deed, **told)
        if had_schema:
            with entered(tenant.context):
                audit_write(actor, **deed, **told, by="staff")
        return said


def _choices(step: Step, rows: list[Tenant]) -> tuple[Sequence[tuple[str, str]], str]:
    if step.choices is None:
        return (), ""
    if step.typed and len(rows) != 1:
        return (), ONE
    try:
        return step.choices(rows), ""
    except TenantryError as refused:
        return (), refused.detail


def _in(state: Status, tenant: Tenant, needed: str) -> None:
    if tenant.status != state:
        raise Conflict(f"It is {tenant.get_status_display().lower()}; only {needed}.")


def _suspend_told(tenant: Tenant, _choice: str) -> Sequence[str]:
    _in(Status.ACTIVE, tenant, "an active workspace is suspended")
    return (
        "Its pages, its API and its sockets stop answering at once; tasks that wait are refused.",
        "Nothing is deleted. Invoices go on.",
    )


def _suspend(_actor: Actor, tenant: Tenant, _choice: str) -> str:
    _suspend_told(tenant, "")
    changed = Tenant.objects.filter(id=tenant.id, status=Status.ACTIVE)
    if not changed.update(status=Status.SUSPENDED):
        raise Conflict
    context = tenant.context
    transaction.on_commit(lambda: workspace_sockets_close(context))
    return f"{tenant.slug} is suspended."


def _resume_told(tenant: Tenant, _choice: str) -> Sequence[str]:
    _in(Status.SUSPENDED, tenant, "a suspended workspace is resumed")
    if Offboarding.objects.filter(tenant_id=tenant.id, state=Offboarding.State.RUNNING).exists():
        raise Conflict("It is being erased: parts of it are gone already.")
    if restore_unfinished(tenant.schema_name):
        raise Conflict("It is being restored, or that was cut off: run `restore_workspace` again.")
    region_move_refuse(tenant.id)
    return ("It is served again at once; documents that waited are taken up by themselves.",)


def _resume(_actor: Actor, tenant: Tenant, _choice: str) -> str:
    tenant = Tenant.objects.select_for_update().get(id=tenant.id)  # a move begins under this lock
    _resume_told(tenant, "")
    changed = Tenant.objects.filter(id=tenant.id, status=Status.SUSPENDED)
    if not changed.update(status=Status.ACTIVE):
        raise Conflict
    return f"{tenant.slug} is active again."


def _provision_told(tenant: Tenant, _choice: str) -> Sequence[str]:
    if not Onboarding.objects.filter(tenant_id=tenant.id).exists():
        raise Conflict("It is older than the record of set-ups; `provision_aws` looks after it.")
    if tenant.status not in (Status.ACTIVE, Status.PROVISIONING):
        raise Conflict(f"It is {tenant.get_status_display().lower()}; resume it first.")
    return (
        "Storage, guardrail, inference profiles and Knowledge Base are made where they are missing"
        " and left alone where they stand.",
        "The workspace works meanwhile.",
    )


def _provision(_actor: Actor, tenant: Tenant, _choice: str) -> str:
    _provision_told(tenant, "")
    row = Onboarding.objects.get(tenant_id=tenant.id)
    # Making comes first and is done once; what follows, but the welcome mail, is done anew.
    kept = {"registry", "role", "schema", "owner", "mail"}
    Onboarding.objects.filter(tenant_id=tenant.id).update(
        done={name: at for name, at in row.done.items() if name in kept},
        state=row.state if row.state == Onboarding.State.WAITING else Onboarding.State.READY,
        attempts=0,
        error="",
    )
    tenant_id = tenant.id
    transaction.on_commit(lambda: onboarding_dispatch(tenant_id))
    return f"{tenant.slug} is being provisioned again; the list of onboardings shows how far it is."


def _as_owner(actor: Actor) -> Actor:
    return replace(actor, role="owner")  # staff stand in for the owner here, on the record


def _offboard_told(tenant: Tenant, _choice: str) -> Sequence[str]:
    if tenant.status not in HAS_SCHEMA:
        raise Conflict(f"It is {tenant.get_status_display().lower()}.")
    return (
        f"In {WAIT.days} days everything of it is erased: documents, conversations, people, keys,"
        " files, its database schema and role. A receipt remains.",
        "Until then it works as before, so that its people can take their data with them, and its"
        " owner or staff can take this back.",
        "A legal hold stops it.",
    )


def _offboard(actor: Actor, tenant: Tenant, _choice: str) -> str:
    _offboard_told(tenant, "")
    with entered(tenant.context):
        asked = offboarding_request(actor=_as_owner(actor))
    return f"{tenant.slug} leaves on {asked.due_at:%-d %B %Y}."


def _stay_told(tenant: Tenant, _choice: str) -> Sequence[str]:
    if tenant.status not in HAS_SCHEMA:
        raise Conflict(f"It is {tenant.get_status_display().lower()}.")
    return ("The erasure that waits is taken back; the workspace stays as it is.",)


def _stay(actor: Actor, tenant: Tenant, _choice: str) -> str:
    _stay_told(tenant, "")
    with entered(tenant.context):
        offboarding_cancel(actor=_as_owner(actor))
    return f"{tenant.slug} stays."


STEPS: Final = (
    Step("suspend", "Suspend", "suspend", _suspend_told, _suspend),
    Step("resume", "Resume", "suspend", _resume_told, _resume),
    Step("provision", "Provision again", "provision", _provision_told, _provision),
    Step("offboard", "Offboard", "offboard", _offboard_told, _offboard, typed=True),
    Step("stay", "Take an offboarding back", "offboard", _stay_told, _stay),
)
