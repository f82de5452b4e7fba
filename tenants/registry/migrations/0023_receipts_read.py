"""Who left reads the receipt on the public host: there is no workspace to sign in to any more.

By the row's id, a random number that only the workspace's owners were told.
"""

from typing import ClassVar

from django.db import migrations

READS = "id, slug, due_at, requested_at, state, receipt, signature"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0022_staff_answers")]
    operations: ClassVar = [
        migrations.RunSQL(
            "CREATE POLICY public_reads ON registry_offboarding FOR SELECT TO app_public"
            " USING (state <> 'cancelled');"
            f" GRANT SELECT ({READS}) ON registry_offboarding TO app_public;",
            "REVOKE ALL ON registry_offboarding FROM app_public;"
            " DROP POLICY public_reads ON registry_offboarding;",
        ),
    ]
