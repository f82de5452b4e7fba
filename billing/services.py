"""The limits that a workspace sets itself: the owner's cap and budget, allowances of members."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing.groupallowance import groups_apply
from billing.limitmodels import EVERYONE, Allowance
from tenants.accounts.audit import audit_write
from tenants.accounts.models import MemberGroup, User
from tenants.context import Actor, current
from tenants.errors import Invalid, NotFound

MOST: Final = Decimal(10) ** 12
"""More dollars or tokens than a workspace uses in a month: beyond it, a slip of the hand."""

CONTROL: Final = """
    INSERT INTO billing_spendcontrol AS s (tenant_id, cap_usd, budget_usd, set_by)
    VALUES (%(tenant)s, %(cap)s, %(budget)s, %(by)s)
    ON CONFLICT (tenant_id) DO UPDATE
       SET cap_usd = CASE WHEN %(sets_cap)s THEN excluded.cap_usd ELSE s.cap_usd END,
           budget_usd = CASE WHEN %(sets_budget)s THEN excluded.budget_usd ELSE s.budget_usd END,
           set_by = excluded.set_by, set_at = now()
"""


def cap_set(*, actor: Actor, usd: Decimal | None) -> None:
    """Set the sum a month at which usage stops, or remove it with None. In force at once.

    It counts what the usage page calls spend. Raises Invalid for a negative or absurd sum.
    """
    _control(actor, cap=checked_amount(usd, "cap_usd"))


def budget_set(*, actor: Actor, usd: Decimal | None) -> None:
    """Set the sum a month that alerts measure against, or remove it. It stops nothing."""
    _control(actor, budget=checked_amount(usd, "budget_usd"))


def _control(actor: Actor, **sums: Decimal | None) -> None:
    values: dict[str, Any] = {
        "tenant": current().id,
        "by": actor.user_id,
        "cap": sums.get("cap"),
        "budget": sums.get("budget"),
        "sets_cap": "cap" in sums,
        "sets_budget": "budget" in sums,
    }
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(CONTROL, values)
        for name, usd in sums.items():
            audit_write(
                actor, action=f"{name}.set", object_type=name, usd=None if usd is None else str(usd)
            )


def allowance_set(
    *,
    actor: Actor,
    user_id: UUID | None,
    model_tokens: Decimal | None = None,
    spend_usd: Decimal | None = None,
) -> None:
    """Let a member, or each of a group's, use so much a month, in tokens, in money, or both.

    `user_id` is a member's id, a group's, or None for all members.

    Without either the row is removed: the member is under what all members have, or free. In force
    with the next request. Raises NotFound for who is no member, Invalid for a bad amount.
    """
    group = MemberGroup.objects.filter(pk=user_id).first() if user_id else None
    if user_id is not None and group is None and not User.objects.filter(pk=user_id).exists():
        raise NotFound
    sums = {
        "model_tokens": checked_amount(model_tokens, "model_tokens"),
        "spend_usd": checked_amount(spend_usd, "spend_usd"),
    }
    if sums["model_tokens"] is not None and sums["model_tokens"] % 1:
        raise Invalid(_("Tokens are whole."), errors={"model_tokens": [_("Give a whole number.")]})
    subject = user_id or EVERYONE
    with transaction.atomic():
        if sums["model_tokens"] is None and sums["spend_usd"] is None:
            Allowance.objects.filter(tenant_id=current().id, user_id=subject).delete()
        else:
            Allowance.objects.update_or_create(
                tenant_id=current().id,
                user_id=subject,
                defaults=sums | {"set_by": actor.user_id, "group_id": group.id if group else None},
            )
        groups_apply()
        audit_write(
            actor,
            action="allowance.set",
            object_type="group" if group else "user" if user_id else "members",
            object_id=user_id or "",
            **{name: None if value is None else str(value) for name, value in sums.items()},
        )


def checked_amount(value: Decimal | None, field: str) -> Decimal | None:
    """Return a sum that can be kept exactly. Raises Invalid, which names the field."""
    if value is None:
        return None
    if not value.is_finite() or value < 0 or value > MOST:
        raise Invalid(
            _("The amount must be between 0 and 1,000,000,000,000."),
            errors={field: [_("Give an amount from 0 to 1,000,000,000,000, or nothing.")]},
        )
    if value != round(value, 6):
        raise Invalid(
            _("The amount has more than six decimals."),
            errors={field: [_("Give at most six decimals.")]},
        )
    return value
