"""Who may read and write the substrate's tables."""

from typing import ClassVar

from django.db import migrations

from tenants.backend.grants import shared_rows_sql, tenant_rows_sql

SHARED = ("bedrock_model", "bedrock_modelroute", "bedrock_tier", "bedrock_guardrail")
# A tenant sees the profiles of plans and its own, so that none learns who else is there.
PROFILES = """
    ALTER TABLE bedrock_inferenceprofile ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant_rows ON bedrock_inferenceprofile FOR SELECT TO tenant
        USING (tenant_id IS NULL OR 't_' || replace(tenant_id::text, '-', '') = current_user);
    CREATE POLICY staff_rows ON bedrock_inferenceprofile TO staff USING (true) WITH CHECK (true);
    CREATE POLICY ops_rows ON bedrock_inferenceprofile TO ops USING (true) WITH CHECK (true);
    GRANT SELECT ON bedrock_inferenceprofile TO tenant;
    GRANT SELECT, INSERT, UPDATE, DELETE ON bedrock_inferenceprofile TO staff, ops;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0001_initial")]
    operations: ClassVar = [
        *(migrations.RunSQL(shared_rows_sql(table), migrations.RunSQL.noop) for table in SHARED),
        migrations.RunSQL(PROFILES, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                tenant_rows_sql(table, rights="SELECT, INSERT"), migrations.RunSQL.noop
            )
            for table in ("bedrock_policydecision", "bedrock_failedattempt")
        ),
    ]
