"""The models, routes and tiers that a new installation starts with."""

import json
from pathlib import Path
from typing import Any, ClassVar

from django.db import migrations

DATA = Path(__file__).resolve().parent.parent / "data" / "models.json"


def load(apps: Any, schema_editor: Any) -> None:
    found = json.loads(DATA.read_text())
    model, route, tier = (
        apps.get_model("bedrock", name) for name in ("Model", "ModelRoute", "Tier")
    )
    for row in found["models"]:
        model.objects.get_or_create(model_id=row.pop("model_id"), defaults=row)
    for row in found["routes"]:
        values = {"model_id": row.pop("model_id"), "source": row.pop("source")}
        route.objects.get_or_create(**row, defaults=values)
    for row in found["tiers"]:
        tier.objects.get_or_create(plan=row.pop("plan"), defaults=row)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0002_rights")]
    operations: ClassVar = [migrations.RunPython(load, migrations.RunPython.noop)]
