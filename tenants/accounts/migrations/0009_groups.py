"""Groups of a workspace's people, and which an invitation leads into."""

import uuid
from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0008_staff_role")]
    operations: ClassVar = [
        migrations.AddField(
            "invitation",
            "groups",
            models.JSONField(default=list, db_default=models.Value([], models.JSONField())),
        ),
        migrations.CreateModel(
            name="MemberGroup",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": [Lower("name")]},
        ),
        migrations.AddConstraint(
            "membergroup", models.UniqueConstraint(Lower("name"), name="group_name_once")
        ),
        migrations.CreateModel(
            name="GroupMember",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="accounts.membergroup",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="group_memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["user__email"]},
        ),
        migrations.AddConstraint(
            "groupmember",
            models.UniqueConstraint(fields=("user", "group"), name="group_member_once"),
        ),
    ]
