"""Telling what was passed, once; choosing thresholds and recipients; marking as read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Least, Now
from django.template.loader import render_to_string
from django.utils.translation import gettext, override

from billing.alertmodels import Alert, AlertSettings, AlertsRead
from billing.alerts.selectors import reader, recipients
from billing.alerts.words import Said
from tenants.accounts.audit import audit_write
from tenants.accounts.models import User
from tenants.accounts.readers import by_language
from tenants.context import Actor, current
from tenants.errors import Invalid
from tenants.lifecycle.naming import url_for
from tenants.webhooks.publishing import publish

log = structlog.get_logger(__name__)

EVENT: Final = "usage.threshold"
MOST_THRESHOLDS: Final = 5
PERCENTS: Final = range(1, 101)


def alert_tell(alert_id: UUID) -> bool:
    """Queue the alert's event and send its mail, each once whoever tries; say whether it was now.

    Each stands or falls with its mark: a mail that cannot be sent is tried again and keeps no event
    back. A second worker waits for the first and finds the mark.
    """
    with transaction.atomic():
        if alert := _claimed(alert_id, "event_at"):
            publish(EVENT, _said(alert).as_json())
    with transaction.atomic():
        alert = _claimed(alert_id, "told_at")
        if alert is None:
            return False
        said, to = _said(alert), recipients(alert)
        if to:
            told = {"said": said, "workspace": current().name, "url": url_for(current().slug)}
            for language, addresses in by_language(to).items():
                with override(language):
                    send_mail(
                        f"{current().name}: {said.title}",
                        render_to_string("billing/alert_email.txt", told),
                        settings.DEFAULT_FROM_EMAIL,
                        addresses,
                    )
    log.info("alerts.told", kind=alert.kind, threshold=alert.threshold, mails=len(to))
    return True


def _claimed(alert_id: UUID, mark: str) -> Alert | None:
    """Mark the alert and return it, or nothing where the mark was there."""
    waiting = Alert.objects.select_for_update().filter(
        pk=alert_id, tenant_id=current().id, **{mark: None}
    )
    alert = waiting.first()
    if alert is not None:
        Alert.objects.filter(pk=alert.pk).update(**{mark: Now()})
    return alert


def _said(alert: Alert) -> Said:
    member = User.objects.filter(pk=alert.user_id).first()
    return Said(alert, member.email if member else "")


def alerts_choose(
    *,
    actor: Actor,
    thresholds: Mapping[str, Sequence[int]],
    to_admins: bool,
    members: Sequence[UUID],
) -> None:
    """Set at which percents of each kind of limit the workspace is told, and who by mail.

    A kind that is not named keeps the default; an empty list says nothing. Raises Invalid for
    another kind, more than five thresholds, a percent outside 1 to 100, who is no member.
    """
    kept: dict[str, list[int]] = {}
    for kind, percents in thresholds.items():
        if kind not in Alert.Kind.values:
            raise Invalid(
                gettext("“%(kind)s” is no kind of limit.") % {"kind": kind[:40]},
                errors={"thresholds": [kind[:40]]},
            )
        kept[kind] = sorted(set(percents))
        if len(kept[kind]) > MOST_THRESHOLDS or not all(one in PERCENTS for one in percents):
            raise Invalid(
                gettext("%(kind)s: give at most %(most)s whole percents from 1 to 100.")
                % {"kind": Alert.Kind(kind).label, "most": MOST_THRESHOLDS},
                errors={
                    "thresholds": [
                        gettext("%(kind)s: 1 to 100, %(most)s at most.")
                        % {"kind": kind, "most": MOST_THRESHOLDS}
                    ]
                },
            )
    wanted = set(members)
    if User.objects.filter(pk__in=wanted, is_active=True, is_service=False).count() != len(wanted):
        raise Invalid(
            gettext("One of the recipients is no member."),
            errors={"members": [gettext("No member.")]},
        )
    with transaction.atomic():
        AlertSettings.objects.update_or_create(
            tenant_id=current().id,
            defaults={
                "thresholds": kept,
                "to_admins": to_admins,
                "members": sorted(map(str, wanted)),
                "set_by": actor.user_id,
            },
        )
        audit_write(
            actor, action="alerts.set", object_type="alerts", thresholds=kept, to_admins=to_admins
        )


def alerts_read(*, actor: Actor, until: datetime) -> None:
    """Mark what was said up to `until` as read by the actor; never back, nor what is to come."""
    mine = {"tenant_id": current().id, "user_id": reader(actor)}
    read = Least(Value(until, output_field=DateTimeField()), Now())
    _, new = AlertsRead.objects.get_or_create(**mine, defaults={"until": read})
    if not new:
        AlertsRead.objects.filter(**mine, until__lt=read).update(until=read)
