"""A tenant's role reads its own row of the registry, and how new the rows are that all go by."""

from typing import ClassVar

from django.db import migrations, models

# A view checks its owner's rights, while current_user is who asks.
OWN = """
    CREATE VIEW registry_own WITH (security_barrier) AS
    SELECT id, slug, name, schema_name, plan, posture, region, retrieval
      FROM registry_tenant WHERE schema_name = current_user AND status = 'active';
    GRANT SELECT ON registry_own TO tenant;
"""

# Moved when the edit commits, so that whoever sees the number sees the rows too.
GOVERNANCE = """
    INSERT INTO registry_governance (id, version) VALUES (1, 1);
    GRANT SELECT ON registry_governance TO tenant, app_public, staff, ops;
    CREATE FUNCTION registry_governed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
        UPDATE registry_governance SET version = version + 1;
        RETURN NULL;
    END $$;
    REVOKE ALL ON FUNCTION registry_governed() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0008_relocations")]
    operations: ClassVar = [
        migrations.RunSQL(OWN, "DROP VIEW registry_own"),
        migrations.CreateModel(
            name="OwnTenant",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("slug", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=120)),
                ("schema_name", models.CharField(max_length=63)),
                ("plan", models.CharField(max_length=40)),
                ("posture", models.CharField(max_length=20)),
                ("region", models.CharField(max_length=20)),
                ("retrieval", models.CharField(max_length=20)),
            ],
            options={"db_table": "registry_own", "managed": False},
        ),
        migrations.CreateModel(
            name="Governance",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("version", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(GOVERNANCE, "DROP FUNCTION registry_governed CASCADE"),
    ]
