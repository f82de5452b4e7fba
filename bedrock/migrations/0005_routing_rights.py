"""Who may read and write the routes' tables, and what a new installation starts with."""

import json
from pathlib import Path
from typing import Any, ClassVar

from django.db import migrations

from tenants.backend.grants import shared_rows_sql

DATA = Path(__file__).resolve().parent.parent / "data" / "routing.json"
# As with profiles, a tenant sees what serves everybody and what serves itself.
PROVISIONED = """
    ALTER TABLE bedrock_provisionedmodel ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant_rows ON bedrock_provisionedmodel FOR SELECT TO tenant
        USING (tenant_id IS NULL OR 't_' || replace(tenant_id::text, '-', '') = current_user);
    CREATE POLICY staff_rows ON bedrock_provisionedmodel TO staff
        USING (true) WITH CHECK (true);
    GRANT SELECT ON bedrock_provisionedmodel TO tenant;
    GRANT SELECT, INSERT, UPDATE, DELETE ON bedrock_provisionedmodel TO staff;
"""
CHECKS = "GRANT SELECT, INSERT, UPDATE ON bedrock_profilecheck TO staff;"


def load(apps: Any, schema_editor: Any) -> None:
    found = json.loads(DATA.read_text())
    model, policy = (apps.get_model("bedrock", name) for name in ("Model", "RoutePolicy"))
    for row in found["capabilities"]:
        model.objects.filter(model_id=row.pop("model_id")).update(**row)
    for row in found["policies"]:
        key = {name: row.pop(name) for name in ("feature", "plan")}
        policy.objects.get_or_create(**key, defaults=row)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0004_routing_and_profiles")]
    operations: ClassVar = [
        migrations.RunSQL(shared_rows_sql("bedrock_routepolicy"), migrations.RunSQL.noop),
        migrations.RunSQL(PROVISIONED, migrations.RunSQL.noop),
        migrations.RunSQL(CHECKS, migrations.RunSQL.noop),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
