"""Indexes for what the audit's list is filtered by, so that a million rows answer at once."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0009_groups")]
    operations: ClassVar = [
        migrations.AddIndex(
            "auditevent", models.Index(fields=["actor_id", "id"], name="audit_of_actor")
        ),
        migrations.AddIndex(
            "auditevent",
            models.Index(
                fields=["action", "id"],
                name="audit_of_action",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            ),
        ),
        migrations.AddIndex(
            "auditevent",
            models.Index(
                condition=models.Q(("object_id", ""), _negated=True),
                fields=["object_id", "id"],
                name="audit_of_object",
            ),
        ),
        migrations.AddIndex(
            "auditevent",
            models.Index(
                condition=models.Q(("request_id", ""), _negated=True),
                fields=["request_id", "id"],
                name="audit_of_request",
            ),
        ),
    ]
