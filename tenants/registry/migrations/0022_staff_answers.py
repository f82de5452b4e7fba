"""Forms of staff that are carried out once keep their answers in `public`, for a day."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("registry", "0021_renaming"),
        ("accounts", "0010_audit_filters"),
    ]
    operations: ClassVar = [
        migrations.RunSQL(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_keptanswer TO staff;"
            " GRANT SELECT, DELETE ON accounts_keptanswer TO ops;",
            "REVOKE ALL ON accounts_keptanswer FROM staff, ops;",
        ),
    ]
