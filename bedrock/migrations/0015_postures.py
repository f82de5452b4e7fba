"""Postures kept with the rules, who may loosen them, and requests that staff decide."""

import uuid
from typing import Any, ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

RIGHTS = """
    ALTER TABLE bedrock_posturerequest ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant_reads ON bedrock_posturerequest FOR SELECT TO tenant
        USING ('t_' || replace(tenant_id::text, '-', '') = current_user);
    CREATE POLICY tenant_asks ON bedrock_posturerequest FOR INSERT TO tenant
        WITH CHECK ('t_' || replace(tenant_id::text, '-', '') = current_user AND state = 'asked');
    CREATE POLICY tenant_withdraws ON bedrock_posturerequest FOR UPDATE TO tenant
        USING ('t_' || replace(tenant_id::text, '-', '') = current_user AND state = 'asked')
        WITH CHECK ('t_' || replace(tenant_id::text, '-', '') = current_user
                    AND state = 'withdrawn');
    CREATE POLICY staff_rows ON bedrock_posturerequest TO staff USING (true) WITH CHECK (true);
    CREATE POLICY ops_rows ON bedrock_posturerequest TO ops USING (true);
    GRANT SELECT, INSERT, UPDATE (state, decided_at) ON bedrock_posturerequest TO tenant;
    GRANT SELECT, UPDATE (state, decided_by, decided_at) ON bedrock_posturerequest TO staff;
    GRANT SELECT ON bedrock_posturerequest TO ops;
"""
# Runs with its owner's rights: a tenant has none on the registry. Whose posture it is comes from
# the role that was set. Regulated is left only by a request that staff approved, which ends it.
MOVE = """
CREATE FUNCTION bedrock_posture_move(p_tenant uuid, p_before text, p_posture text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF current_setting('role') <> 't_' || replace(p_tenant::text, '-', '') THEN
        RAISE insufficient_privilege USING MESSAGE = 'a posture is moved by its own tenant';
    END IF;
    UPDATE public.bedrock_posturerequest SET state = 'applied'
     WHERE tenant_id = p_tenant AND state = 'approved' AND posture = p_posture;
    IF NOT FOUND AND p_posture <> 'regulated' AND 'regulated' =
       (SELECT posture FROM public.registry_tenant WHERE id = p_tenant FOR UPDATE) THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'regulated is left with the approval of staff alone';
    END IF;
    UPDATE public.registry_tenant SET posture = p_posture
     WHERE id = p_tenant AND posture = p_before;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION bedrock_posture_move(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bedrock_posture_move(uuid, text, text) TO tenant;
"""


def enterprise(apps: Any, schema_editor: Any) -> None:
    apps.get_model("bedrock", "Tier").objects.filter(plan="enterprise").update(loosening="admin")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0014_reranker_weight")]
    operations: ClassVar = [
        migrations.AddField(
            "safetyrules",
            "posture",
            models.CharField(
                blank=True,
                db_default="",
                help_text="Empty: from before it was kept here.",
                max_length=20,
            ),
        ),
        migrations.AddField(
            "tier",
            "loosening",
            models.CharField(
                blank=True,
                choices=[("admin", "Admins"), ("owner", "Owners")],
                db_default="owner",
                default="owner",
                help_text="Who may choose a looser posture; empty: staff approve. Leaving regulated"
                " always needs staff.",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            "PostureRequest",
            [
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("before", models.CharField(max_length=20)),
                ("posture", models.CharField(max_length=20)),
                ("reason", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Waiting for staff"),
                            ("approved", "Approved"),
                            ("applied", "In force"),
                            ("refused", "Refused"),
                            ("withdrawn", "Taken back"),
                        ],
                        default="asked",
                        max_length=10,
                    ),
                ),
                ("asked_by", models.UUIDField(null=True)),
                (
                    "asked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "decided_by",
                    models.UUIDField(help_text="Of the operator's staff.", null=True),
                ),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-asked_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "approved"])),
                        fields=("tenant_id",),
                        name="one_open_posture_request",
                    )
                ],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
        migrations.RunSQL(MOVE, "DROP FUNCTION bedrock_posture_move(uuid, text, text)"),
        migrations.RunPython(enterprise, migrations.RunPython.noop),
    ]
