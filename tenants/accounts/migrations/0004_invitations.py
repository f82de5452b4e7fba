"""Invitations."""

import uuid
from typing import ClassVar

from django.db import migrations, models

ROLES = [("viewer", "Viewer"), ("member", "Member"), ("admin", "Admin"), ("owner", "Owner")]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0003_sealed_audit")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("email", models.EmailField(max_length=254)),
                ("role", models.CharField(choices=ROLES, max_length=20)),
                ("invited_by", models.UUIDField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                        fields=("email",),
                        name="one_open_invitation_an_address",
                    )
                ],
            },
        ),
    ]
