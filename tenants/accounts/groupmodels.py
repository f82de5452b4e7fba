"""Groups of a workspace's people: collections are shared with them, allowances given to them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower


class MemberGroup(models.Model):
    """People who get the same: a team, a project. Names differ by more than case."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = [Lower("name")]
        constraints: ClassVar = [models.UniqueConstraint(Lower("name"), name="group_name_once")]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """That a user is in a group."""

    group = models.ForeignKey(MemberGroup, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="group_memberships"
    )

    class Meta:
        ordering: ClassVar = ["user__email"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "group"], name="group_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"
