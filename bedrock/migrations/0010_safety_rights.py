"""Who may read and write the rules of workspaces, and how a guardrail of one's own is claimed."""

from typing import Any, ClassVar

from django.db import migrations

from tenants.backend.grants import tenant_rows_sql

# As with profiles, a tenant sees what serves everybody and what is its own: topics are its secret.
GUARDRAILS = """
    ALTER TABLE bedrock_guardrail ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant_rows ON bedrock_guardrail FOR SELECT TO tenant
        USING (tenant_id IS NULL OR 't_' || replace(tenant_id::text, '-', '') = current_user);
    CREATE POLICY shared_rows ON bedrock_guardrail FOR SELECT TO app_public
        USING (tenant_id IS NULL);
    CREATE POLICY staff_rows ON bedrock_guardrail TO staff USING (true) WITH CHECK (true);
    CREATE POLICY ops_rows ON bedrock_guardrail TO ops USING (true);
    GRANT SELECT, INSERT, UPDATE ON bedrock_guardrailcheck TO staff;
    GRANT SELECT ON bedrock_guardrailcheck TO ops;
"""
# Runs with its owner's rights, since a tenant may not count the others' guardrails. Whose it is
# comes from the role that was set, never from an argument. The lock makes count and claim one.
CLAIM = """
CREATE FUNCTION bedrock_guardrail_claim(p_tenant uuid, p_region text, p_posture text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    room integer;
BEGIN
    IF current_setting('role') <> 't_' || replace(p_tenant::text, '-', '') THEN
        RAISE insufficient_privilege USING MESSAGE = 'a guardrail is claimed by its own tenant';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('bedrock.guardrails ' || p_region));
    IF EXISTS (SELECT 1 FROM bedrock_guardrail
                WHERE tenant_id = p_tenant AND region = p_region) THEN
        RETURN true;
    END IF;
    SELECT coalesce(max(c.quota - c.reserve - c.foreign_count), 90) INTO room
      FROM (SELECT quota, reserve, "foreign" AS foreign_count
              FROM bedrock_guardrailcheck WHERE region = p_region) AS c;
    IF (SELECT count(*) FROM bedrock_guardrail
         WHERE region = p_region AND tenant_id IS NOT NULL) >= room THEN
        RETURN false;
    END IF;
    INSERT INTO bedrock_guardrail
           (id, posture, region, tenant_id, guardrail_id, arn, version, stream_mode, definition,
            fingerprint, state, updated_at)
    VALUES (gen_random_uuid(), p_posture, p_region, p_tenant, '', '', '', 'sync', '{}', '',
            'is being made', now());
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION bedrock_guardrail_claim(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bedrock_guardrail_claim(uuid, text, text) TO tenant;
"""


def plans(apps: Any, schema_editor: Any) -> None:
    apps.get_model("bedrock", "Tier").objects.filter(plan="enterprise").update(own_guardrail=True)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0009_own_safety")]
    operations: ClassVar = [
        *(
            migrations.RunSQL(
                tenant_rows_sql(table, rights="SELECT, INSERT"), migrations.RunSQL.noop
            )
            for table in ("bedrock_safetyrules", "bedrock_intervention")
        ),
        migrations.RunSQL(GUARDRAILS, migrations.RunSQL.noop),
        migrations.RunSQL(CLAIM, "DROP FUNCTION bedrock_guardrail_claim(uuid, text, text)"),
        migrations.RunPython(plans, migrations.RunPython.noop),
    ]
