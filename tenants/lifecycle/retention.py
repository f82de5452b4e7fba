"""Retention: how long a workspace keeps what, applied every night, with a report.

Apps register the kinds of data that they erase by age; the audit is registered here below.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext, override

from tenants.accounts.audit import audit_write
from tenants.context import SYSTEM, Actor, TenantContext, current, entered
from tenants.ended import ended
from tenants.errors import Conflict, Forbidden, Invalid
from tenants.lifecycle.holding import data_policy_of, hold_refuse
from tenants.lifecycle.visiting import visits_allow
from tenants.registry.datamodels import StaffAccess
from tenants.registry.models import DataPolicy, Impersonation, RetentionReport
from tenants.versions import version_check
from tenants.wording import grouped

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = structlog.get_logger(__name__)

LEAST: Final = 1  # days
MOST: Final = 3_650
REASON_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """Data that is erased by age. `erase` and `count` run inside the tenant, given the instant
    before which everything is over; `erase` may be cut off and run again. `most` may depend on the
    plan; `usual` is what is in force where the workspace has set nothing.
    """

    name: str
    label: "StrOrPromise"
    told: "StrOrPromise"
    count: Callable[[TenantContext, datetime], int]
    erase: Callable[[TenantContext, datetime], int]
    order: int
    least: int = LEAST
    most: Callable[[TenantContext], int] = lambda _: MOST
    usual: Callable[[TenantContext], int | None] = lambda _: None


_kinds: dict[str, Kind] = {}


def kind_register(kind: Kind) -> None:
    """Add a kind of data; called once its app is ready."""
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    """Return the kinds in their order."""
    return sorted(_kinds.values(), key=lambda kind: kind.order)


def days_of(policy: DataPolicy, kind: Kind, tenant: TenantContext) -> int | None:
    """Return how many days a kind is kept, None where for good; never longer than it may be."""
    asked = policy.days.get(kind.name, kind.usual(tenant))
    return None if asked is None else min(int(asked), kind.most(tenant))


def data_policy_set(
    *,
    actor: Actor,
    days: Mapping[str, int | None] | None = None,
    hold: bool | None = None,
    reason: str = "",
    staff_access: str | None = None,
    expected: int | None = None,
) -> DataPolicy:
    """Change what is given: days by kind (None: keep for good), the legal hold and what staff may
    look at (owners alone).

    Raises Invalid with the kind's limits, Forbidden, Conflict; then nothing is changed.
    """
    tenant = current()
    before = data_policy_of(tenant.id)
    version_check(before.version, expected)
    wanted = dict(before.days)
    for name, value in (days or {}).items():
        wanted[name] = _days_checked(tenant, name, value)
    held, why = before.hold, before.hold_reason
    if hold is not None and hold != before.hold:
        if actor.role != "owner":
            raise Forbidden(gettext("Only an owner sets or lifts a legal hold."))
        held, why = hold, " ".join(reason.replace("\x00", "").split())
        if not 3 <= len(why) <= REASON_CHARACTERS:
            raise Invalid(
                gettext("Say why in 3 to %(most)s characters; it is kept on record.")
                % {"most": REASON_CHARACTERS}
            )
    access = before.staff_access
    if staff_access is not None and staff_access != access:
        if actor.role != "owner":
            raise Forbidden(gettext("Only an owner says what our staff may look at."))
        if staff_access not in StaffAccess.values:
            raise Invalid(
                gettext("staff_access is one of %(choices)s.")
                % {"choices": ", ".join(StaffAccess.values)}
            )
        access = staff_access
    try:
        with transaction.atomic():
            row = DataPolicy.objects.create(
                tenant_id=tenant.id,
                version=before.version + 1,
                days={name: value for name, value in wanted.items() if value is not None},
                hold=held,
                hold_reason=why if held else "",
                staff_access=access,
                changed_by=actor.user_id,
            )
            visits_allow(Impersonation.objects.filter(tenant_id=tenant.id), access)
            for deed, told in _deeds(before, row, why):
                audit_write(
                    actor,
                    action=deed,
                    object_type="data_policy",
                    object_id=row.id,
                    version=row.version,
                    **told,
                )
    except IntegrityError as error:
        raise Conflict from error
    return row


def _deeds(before: DataPolicy, row: DataPolicy, why: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each thing that one change has done, with what its audit row tells."""
    if before.hold != row.hold:
        yield "data.hold_set" if row.hold else "data.hold_lifted", {"reason": why}
    if before.staff_access != row.staff_access:
        yield "data.staff_access", {"staff_access": row.staff_access}
    if before.days != row.days or (before.hold, before.staff_access) == (
        row.hold,
        row.staff_access,
    ):
        yield "data.retention", {"days": row.days}


def _days_checked(tenant: TenantContext, name: str, value: int | None) -> int | None:
    kind = _kinds.get(name)
    if kind is None:
        raise Invalid(gettext("There is no kind of data “%(name)s”.") % {"name": name[:40]})
    if value is None:
        return None
    most = kind.most(tenant)
    if not kind.least <= value <= most:
        raise Invalid(
            gettext(
                "%(kind)s are kept from %(least)s to %(most)s days. Zero would erase them as "
                "they are made; to keep them for good, leave the field empty."
            )
            % {"kind": kind.label, "least": kind.least, "most": grouped(most)}
            if kind.usual(tenant) is None
            else gettext("%(kind)s are kept from %(least)s to %(most)s days on your plan.")
            % {"kind": kind.label, "least": kind.least, "most": grouped(most)},
            errors={name: [gettext("%(least)s to %(most)s") % {"least": kind.least, "most": most}]},
        )
    return value


def retention_preview(tenant: TenantContext) -> dict[str, int]:
    """Return how much of each kind tonight's run would erase of the entered tenant."""
    policy, now = data_policy_of(tenant.id), timezone.now()
    found = {}
    for kind in kinds():
        days = days_of(policy, kind, tenant)
        if days is not None and not policy.hold:
            found[kind.name] = kind.count(tenant, now - timedelta(days=days))
    return found


def retention_apply(tenant: TenantContext) -> RetentionReport:
    """Erase what is over in a workspace and report it; under a legal hold nothing.

    A kind that fails is in the report and holds up no other; the next night tries it again.
    """
    with entered(tenant):
        policy = data_policy_of(tenant.id)
        with override("en"):  # what is stored; pages say it in the reader's language
            lines = [] if policy.hold else [*_applied(tenant, policy)]
        report = RetentionReport.objects.create(
            tenant_id=tenant.id, policy_version=policy.version, held=policy.hold, lines=lines
        )
        if any(line["count"] for line in lines):
            audit_write(
                SYSTEM,
                action="data.retention_applied",
                object_type="retention_report",
                object_id=report.id,
                **{line["kind"]: line["count"] for line in lines},
            )
    return report


def _applied(tenant: TenantContext, policy: DataPolicy) -> Iterator[dict[str, Any]]:
    now = timezone.now()
    for kind in kinds():
        days = days_of(policy, kind, tenant)
        if days is None:
            continue
        before = now - timedelta(days=days)
        line: dict[str, Any] = {
            "kind": kind.name, "label": str(kind.label), "days": days,
            "before": before.isoformat(timespec="seconds"), "count": 0,
        }  # fmt: skip
        try:
            hold_refuse()  # it may have been set a moment ago
            line["count"] = kind.erase(tenant, before)
        except Exception as error:
            if not ended(error, tenant):
                log.exception("retention.failed", tenant_id=str(tenant.id), kind=kind.name)
            line["error"] = type(error).__name__
        yield line


def reports(tenant: TenantContext, most: int = 14) -> list[RetentionReport]:
    """Return the entered tenant's latest reports, newest first."""
    return list(RetentionReport.objects.filter(tenant_id=tenant.id)[:most])
