"""Second factors of staff: the tables of `signin` stand in `public` too.

Where `public` was migrated while `signin` belonged to tenants alone, its migration is on record
there without tables: they are made here.
"""

from typing import Any, ClassVar

from django.db import migrations

TABLES = "signin_factor, signin_recoverycode"


def missing_tables(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.signin_factor') IS NULL")
        [missing] = cursor.fetchone()
    if missing:
        for model in apps.get_app_config("signin").get_models():
            schema_editor.create_model(model)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("registry", "0009_own_row"),
        ("signin", "0002_single_sign_on"),
        ("accounts", "0008_staff_role"),
    ]
    operations: ClassVar = [
        migrations.RunPython(missing_tables, migrations.RunPython.noop),
        migrations.RunSQL(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLES} TO staff;"
            " GRANT USAGE, SELECT ON SEQUENCE signin_recoverycode_id_seq TO staff;",
            f"REVOKE ALL ON {TABLES} FROM staff;",
        ),
    ]
