"""Staff who decide on a dead task take away what was sealed of its arguments."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0015_visit_second")]
    operations: ClassVar = [
        migrations.RunSQL(
            "GRANT UPDATE (arguments) ON registry_deadtask TO staff",
            "REVOKE UPDATE (arguments) ON registry_deadtask FROM staff",
        )
    ]
