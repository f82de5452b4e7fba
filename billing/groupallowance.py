"""Allowances given to groups, kept as rows of their members so that admission reads one row.

Each member of a group may use its amounts a month, each by themselves. A member's own allowance
stands before those of groups; of several groups the most generous amount of each kind counts, and
everyone's allowance only for who is in none that has one. Derived anew in the transaction of every
change of groups, of who is in them and of allowances.
"""

from collections import defaultdict
from decimal import Decimal
from uuid import UUID

from django.db import connection

from billing.limitmodels import EVERYONE, Allowance
from tenants.accounts.models import GroupMember, MemberGroup
from tenants.context import current

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('billing.groups:' || %s, 0))"


def groups_apply() -> None:
    """Put the members' derived rows right for the entered workspace; six statements at most."""
    tenant_id = current().id
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [str(tenant_id)])  # of two changes at once, the later derives last
    rows = Allowance.objects.filter(tenant_id=tenant_id)
    there = set(MemberGroup.objects.values_list("id", flat=True))
    given = {row.user_id: row for row in rows if row.group_id == row.user_id}
    gone = [group for group in given if group not in there]
    rows.filter(user_id__in=gone).delete()
    given = {group: row for group, row in given.items() if group in there}
    own = set(
        rows.filter(group_id=None).exclude(user_id=EVERYONE).values_list("user_id", flat=True)
    )
    mine: dict[UUID, list[Allowance]] = defaultdict(list)
    for user_id, group_id in GroupMember.objects.filter(group__in=given).values_list(
        "user_id", "group_id"
    ):
        if user_id not in own:
            mine[user_id].append(given[group_id])
    rows.filter(group_id__isnull=False).exclude(user_id__in=given).delete()
    Allowance.objects.bulk_create(
        Allowance(
            tenant_id=tenant_id,
            user_id=user_id,
            group_id=found[0].user_id,
            model_tokens=_most([row.model_tokens for row in found]),
            spend_usd=_most([row.spend_usd for row in found]),
            set_by=found[0].set_by,
        )
        for user_id, found in mine.items()
    )


def _most(amounts: list[Decimal | None]) -> Decimal | None:
    """Return the most generous amount; None, without limit, is more than any."""
    known = [amount for amount in amounts if amount is not None]
    return max(known) if len(known) == len(amounts) else None


def group_allowances() -> list[tuple[MemberGroup, Allowance]]:
    """Return every group with its allowance; an unsaved one without limits where it has none."""
    rows = Allowance.objects.filter(tenant_id=current().id, group_id__isnull=False)
    found = {row.user_id: row for row in rows if row.group_id == row.user_id}
    return [(group, found.get(group.id) or Allowance()) for group in MemberGroup.objects.all()]
