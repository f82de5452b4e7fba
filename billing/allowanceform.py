"""The page's table of allowances, saved by one press: the rows that were changed, all or none.

A row that says what its page had shown is left as it is, whoever has changed it meanwhile; of the
changed ones each is checked against what holds by now (`tenants/seen.py`).
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from django.db import transaction
from django.http import QueryDict
from django.utils.translation import gettext as _

from billing.groupallowance import group_allowances
from billing.limits import Member, allowance_own, allowances
from billing.services import allowance_set
from tenants.accounts.models import MemberGroup, User
from tenants.context import Actor
from tenants.errors import Invalid, TenantryError
from tenants.numbers import typed
from tenants.seen import FIELD, seen_check, seen_of
from tenants.turns import turn_take

COLUMNS: Final = (FIELD, "model_tokens", "spend_usd")


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one row of the table; without a subject it is every member's."""

    subject: str
    seen: str
    model_tokens: str
    spend_usd: str

    @property
    def sums(self) -> tuple[Decimal | None, Decimal | None]:
        """Return what was typed, as amounts. Raises Invalid."""
        return amount(self.model_tokens), amount(self.spend_usd)

    @property
    def changed(self) -> bool:
        """Return whether the row says something else than its page had shown."""
        try:
            return self.seen != _seen(*self.sums)
        except Invalid:
            return True


@dataclass(frozen=True, slots=True)
class Shown:
    """One row as the page shows it; `typed` is what was refused, to be mended there."""

    subject: str
    tokens: Decimal | None
    usd: Decimal | None
    group: MemberGroup | None = None
    member: Member | None = None
    typed: Row | None = None

    @property
    def seen(self) -> str:
        return _seen(self.tokens, self.usd)

    def __str__(self) -> str:
        return str(self.group or (self.member.user if self.member else _("every member")))


def rows_shown(month: date, form: QueryDict | None) -> list[Shown]:
    """Return the row of every member, each group's and each member's, with what was refused."""
    everyone, members = allowances(month)
    found = [Shown("", everyone.model_tokens, everyone.spend_usd)]
    for group, given in group_allowances():
        found.append(Shown(str(group.pk), given.model_tokens, given.spend_usd, group=group))
    for member in members:
        own = member.own_tokens, member.own_usd
        found.append(Shown(str(member.user.pk), *own, member=member))
    typed = {row.subject: row for row in _rows(form) if row.changed} if form else {}
    return [replace(row, typed=typed.get(row.subject)) for row in found]


def _rows(form: QueryDict) -> list[Row]:
    """Return the rows of a form, whose fields come as columns; none where the columns differ."""
    subjects = form.getlist("user_id") or [""]
    columns = [form.getlist(name) or [""] * len(subjects) for name in COLUMNS]
    if any(len(column) != len(subjects) for column in columns):
        return []
    return [Row(*cells) for cells in zip(subjects, *columns, strict=True)]


def rows_save(actor: Actor, form: QueryDict) -> None:
    """Set the allowances that were changed. Raises what refuses one, and says whose it is."""
    rows = _rows(form)
    if not rows:
        raise Invalid(_("The table came incomplete; reload the page."))
    with transaction.atomic():
        turn_take("allowances")
        for row in rows:
            if row.changed:
                _row_save(actor, row, several=len(rows) > 1)


def _row_save(actor: Actor, row: Row, *, several: bool) -> None:
    try:
        subject = UUID(row.subject) if row.subject else None
    except ValueError:
        raise Invalid(_("There is no such member; reload the page.")) from None
    try:
        tokens, usd = row.sums
        seen_check({FIELD: row.seen}, *_plain(*allowance_own(subject)))
        allowance_set(actor=actor, user_id=subject, model_tokens=tokens, spend_usd=usd)
    except TenantryError as refused:
        if several and (name := _name(subject)):
            raise type(refused)(f"{name}: {refused.detail}", **refused.extra) from refused
        raise


def _name(subject: UUID | None) -> str:
    """Return whose the allowance is; nothing for who is not there."""
    if subject is None:
        return str(_("Every member"))
    found = [*User.objects.filter(pk=subject), *MemberGroup.objects.filter(pk=subject)]
    return str(found[0]) if found else ""


def _plain(*sums: Decimal | None) -> list[str | None]:
    """Return amounts the same whether they were typed or kept: without trailing noughts."""
    return [None if each is None else f"{each.normalize():f}" for each in sums]


def _seen(tokens: Decimal | None, usd: Decimal | None) -> str:
    return seen_of(*_plain(tokens, usd))


def amount(text: str | None) -> Decimal | None:
    """Return what was typed, without the separators of thousands; None for nothing."""
    try:
        return typed(text) if text and text.strip() else None
    except InvalidOperation:
        raise Invalid(
            _("“%(text)s” is no amount; give digits.") % {"text": text[:40] if text else ""}
        ) from None
