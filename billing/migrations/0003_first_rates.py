"""The plans and the rate card that a new installation starts with."""

import json
from pathlib import Path

from django.db import migrations

DATA = Path(__file__).resolve().parent.parent / "data"


def load(apps, schema_editor):
    plan_model, limit_model, price_model = (
        apps.get_model("billing", name) for name in ("Plan", "PlanLimit", "Price")
    )
    for plan in json.loads((DATA / "plans.json").read_text()):
        limits = plan.pop("limits")
        row, _ = plan_model.objects.get_or_create(code=plan.pop("code"), defaults=plan)
        for metric, terms in limits.items():
            limit_model.objects.get_or_create(plan=row, metric=metric, defaults=terms)
    for entry in json.loads((DATA / "rate_card.json").read_text()):
        for unit, usd in entry["prices"].items():
            price_model.objects.get_or_create(
                model=entry["model"],
                route=entry["route"],
                unit=unit,
                effective_from=entry["from"],
                defaults={"usd": usd, "per": entry["per"], "source": entry["source"]},
            )


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_rights")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
