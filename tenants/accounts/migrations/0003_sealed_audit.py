"""Where a deed came from, and seals over runs of the audit."""

from typing import ClassVar

from django.db import migrations, models

# Seals are only ever added. In a workspace's schema its role bears the schema's name; the schema
# that new ones are copied from has no role.
RIGHTS = """
    DO $$
    BEGIN
        IF current_schema() = 'public' THEN
            GRANT SELECT, INSERT ON public.accounts_auditseal TO staff;
        ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = current_schema()) THEN
            EXECUTE format('REVOKE UPDATE, DELETE ON %I.accounts_auditseal FROM %I',
                           current_schema(), current_schema());
        END IF;
    END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0002_email_confirmed")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="auditevent",
            name="address",
            field=models.CharField(
                blank=True,
                db_default="",
                max_length=45,
                help_text="The client's; none where a task did it.",
            ),
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("rows", models.PositiveIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ["number"]},
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
