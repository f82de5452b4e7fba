"""Say once, before a grant expires or runs out, to whom it concerns. Runs under the ops login."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from billing.credits.burning import Burn, BurnDown, burn_down
from billing.models import CreditAlert
from billing.money import money

log = structlog.get_logger(__name__)
Kind = CreditAlert.Kind


def credit_alerts_send() -> int:
    """Record and mail what is due; return how many. A mail that cannot be sent is tried again."""
    state, sent = burn_down(), 0
    for burn in state.burns:
        for kind in due(burn, state):
            with transaction.atomic():
                _, new = CreditAlert.objects.get_or_create(
                    grant=burn.grant, kind=kind, defaults={"remaining_usd": burn.remaining}
                )
                if not new:
                    continue
                _mail(burn, kind)
            sent += 1
            log.warning("credits.alert", grant=burn.grant.name, kind=kind)
    return sent


def due(burn: Burn, state: BurnDown) -> list[str]:
    """Return what is to be said of a grant that still has something."""
    grant = burn.grant
    if burn.remaining <= 0 or not grant.starts_on <= state.today <= grant.expires_on:
        return []
    left = grant.expires_on - state.today
    found = []
    if left <= timedelta(days=7):
        found.append(Kind.WEEK.value)
    elif left <= timedelta(days=30):
        found.append(Kind.MONTH.value)
    if burn.remaining * 10 <= grant.amount_usd:
        found.append(Kind.LOW.value)
    return found


def _mail(burn: Burn, kind: str) -> None:
    grant = burn.grant
    if not grant.alert_mail:
        return
    send_mail(
        f"AWS credits: {grant.name}: {Kind(kind).label.lower()}",
        f"{grant.name} pays until {grant.expires_on:%-d %B %Y} and has {money(burn.remaining)} left"
        f" of {money(grant.amount_usd)}. What is left when it expires is lost. The staff admin"
        " shows the burn-down under Billing, AWS credits.",
        settings.DEFAULT_FROM_EMAIL,
        [grant.alert_mail],
    )
