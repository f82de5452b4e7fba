"""`manage.py load_rate_card`: add the plans and prices of `billing/data` that are not there yet."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from billing.models import Plan, PlanLimit, Price
from tenants.context import public_scope

DATA = Path(__file__).resolve().parents[2] / "data"


class Command(BaseCommand):
    """Run it under the owner's login after a release that brings new models or prices.

    Rows that exist are left as they are: staff may have changed them, and prices never change.
    """

    help = "Add missing plans, limits and prices."

    def handle(self, *_: Any, **_options: Any) -> None:
        with public_scope("owner"), transaction.atomic():
            plans, prices = _plans(), _prices()
        self.stdout.write(f"{plans} plans and {prices} prices added.")


def _plans() -> int:
    added = 0
    for plan in json.loads((DATA / "plans.json").read_text()):
        limits = plan.pop("limits")
        row, made = Plan.objects.get_or_create(code=plan.pop("code"), defaults=plan)
        added += made
        for metric, terms in limits.items():
            PlanLimit.objects.get_or_create(plan=row, metric=metric, defaults=terms)
    return added


def _prices() -> int:
    before = Price.objects.count()
    Price.objects.bulk_create(
        [
            Price(
                model=entry["model"],
                route=entry["route"],
                unit=unit,
                usd=Decimal(usd),
                per=entry["per"],
                effective_from=date.fromisoformat(entry["from"]),
                source=entry["source"],
            )
            for entry in json.loads((DATA / "rate_card.json").read_text())
            for unit, usd in entry["prices"].items()
        ],
        ignore_conflicts=True,
    )
    return Price.objects.count() - before
