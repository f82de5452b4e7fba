"""Staff: a workspace's change of plan, with the effect shown first."""

from collections.abc import Sequence

from billing.catalog import plans_offered
from billing.money import money
from billing.plans.changing import plan_change, plan_effect
from tenants.accounts.models import User
from tenants.context import Actor, entered
from tenants.errors import Conflict
from tenants.registry.models import Status, Tenant
from tenants.registry.staffsteps import Step


def _members() -> int:
    return User.objects.filter(is_active=True, is_service=False).count()


def _told(tenant: Tenant, plan: str) -> Sequence[str]:
    if tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
        raise Conflict(f"It is {tenant.get_status_display().lower()}.")
    with entered(tenant.context):
        effect = plan_effect(plan, members=_members())
    monthly = f"The {effect.plan.name} plan is {money(effect.charged_monthly)} a month for it."
    more = [f"More: {line}" for line in effect.gained]
    less = [f"Less: {line}" for line in effect.lost]
    return [monthly, *effect.now, *more, *less]


def _change(actor: Actor, tenant: Tenant, plan: str) -> str:
    with entered(tenant.context):
        effect = plan_change(actor=actor, code=plan, members=_members())
    when = "now" if effect.upgrade else f"{effect.begins:%-d %B %Y}"
    return f"{tenant.slug} is on the {effect.plan.name} plan from {when} on."


PLAN = Step(
    "plan", "Change plan", "plan", _told, _change,
    choices=lambda _rows: [(plan.code, plan.name) for plan in plans_offered()],
)  # fmt: skip
