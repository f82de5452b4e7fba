"""Data policies with retention and legal hold, reports, archives, and audit that was let go."""

import uuid
from typing import Any, ClassVar, Final

from django.db import migrations, models
from django.db.models.functions import Now

from tenants.backend.grants import tenant_rows_sql


def identifier() -> Any:
    return models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)


RIGHTS: Final = {
    "registry_datapolicy": "SELECT, INSERT",
    "registry_retentionreport": "SELECT, INSERT",
    "registry_dataexport": "SELECT, INSERT, UPDATE",
}


# A tenant's role may delete no audit. This lets go what the policy lets go: whole sealed runs,
# older than its days and ninety, never under a legal hold. Whose it is comes from the role.
PRUNE: Final = """
CREATE FUNCTION registry_audit_prune(p_tenant uuid, p_number integer)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    own text := 't_' || replace(p_tenant::text, '-', '');
    held boolean;
    kept integer;
    highest bigint;
    newest timestamptz;
    gone bigint;
BEGIN
    IF current_setting('role') <> own THEN
        RAISE insufficient_privilege USING MESSAGE = 'an audit is let go by its own tenant';
    END IF;
    SELECT hold, (days ->> 'audit')::integer INTO held, kept FROM public.registry_datapolicy
     WHERE tenant_id = p_tenant ORDER BY version DESC LIMIT 1;
    EXECUTE format('SELECT last_id FROM %I.accounts_auditseal WHERE number = $1', own)
       INTO highest USING p_number;
    EXECUTE format('SELECT max(at) FROM %I.accounts_auditevent WHERE id <= $1', own)
       INTO newest USING highest;
    IF newest IS NULL THEN
        RETURN 0;
    END IF;
    IF held OR kept IS NULL OR newest >= now() - make_interval(days => greatest(kept, 90)) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the data policy keeps this audit';
    END IF;
    UPDATE public.registry_auditanchor SET pruned_at = now()
     WHERE tenant_id = p_tenant AND number <= p_number AND pruned_at IS NULL;
    EXECUTE format('DELETE FROM %I.accounts_auditevent WHERE id <= $1', own) USING highest;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION registry_audit_prune(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry_audit_prune(uuid, integer) TO tenant;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0005_audit_anchors")]
    operations: ClassVar = [
        migrations.AddField(
            "auditanchor",
            "pruned_at",
            models.DateTimeField(
                help_text="When the rows under this seal went, their retention over.", null=True
            ),
        ),
        migrations.CreateModel(
            "DataPolicy",
            [
                ("id", identifier()),
                ("tenant_id", models.UUIDField()),
                ("version", models.PositiveIntegerField()),
                ("days", models.JSONField(default=dict)),
                ("hold", models.BooleanField(default=False)),
                ("hold_reason", models.TextField(blank=True)),
                ("changed_by", models.UUIDField(null=True)),
                ("changed_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "ordering": ["tenant_id", "-version"],
                "verbose_name_plural": "data policies",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "version"), name="one_version_of_data_policy"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            "RetentionReport",
            [
                ("id", identifier()),
                ("tenant_id", models.UUIDField()),
                ("at", models.DateTimeField(db_default=Now())),
                ("policy_version", models.PositiveIntegerField(default=0)),
                ("held", models.BooleanField(default=False)),
                ("lines", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["-at"],
                "indexes": [
                    models.Index(fields=["tenant_id", "-at"], name="retention_reports_newest")
                ],
            },
        ),
        migrations.CreateModel(
            "DataExport",
            [
                ("id", identifier()),
                ("tenant_id", models.UUIDField()),
                ("asked_by", models.UUIDField(null=True)),
                ("asked_at", models.DateTimeField(db_default=Now())),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Being made"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("files", models.PositiveIntegerField(default=0)),
                ("size", models.PositiveBigIntegerField(default=0, help_text="Bytes.")),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-asked_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("tenant_id",),
                        name="one_export_at_a_time",
                    )
                ],
            },
        ),
        *(
            migrations.RunSQL(tenant_rows_sql(table, rights=rights), migrations.RunSQL.noop)
            for table, rights in RIGHTS.items()
        ),
        migrations.RunSQL(PRUNE, "DROP FUNCTION registry_audit_prune(uuid, integer)"),
    ]
