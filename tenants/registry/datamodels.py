"""How long a workspace keeps what, what was erased for it, and the archives it asked for."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class StaffAccess(models.TextChoices):
    """What an owner allows our staff, for half an hour at a time and with a reason each time."""

    NONE = "none", _("Not at all")
    READ = "read", _("Look, and change nothing")
    WRITE = "write", _("Look, and do what a member does")


class DataPolicy(models.Model):
    """One version of a workspace's data policy; the newest is in force, none: all is kept.

    `days` holds a number of days by kind of data; a kind that is missing is kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    version = models.PositiveIntegerField()
    days = models.JSONField(default=dict)
    hold = models.BooleanField(default=False)
    hold_reason = models.TextField(blank=True)
    staff_access = models.CharField(
        max_length=5,
        choices=StaffAccess,
        default=StaffAccess.NONE,
        db_default=StaffAccess.NONE,
        help_text="Whether staff may look at the workspace as one of its members.",
    )
    changed_by = models.UUIDField(null=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["tenant_id", "-version"]
        verbose_name_plural = "data policies"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "version"], name="one_version_of_data_policy"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class RetentionReport(models.Model):
    """What one nightly run erased of a workspace; `lines` hold kind, label, before, count, error.

    Under a legal hold the run erases nothing and says so.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now())
    policy_version = models.PositiveIntegerField(default=0)
    held = models.BooleanField(default=False)
    lines = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-at"], name="retention_reports_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"


class DataExport(models.Model):
    """An archive of everything, asked for by an owner, made by a task, kept for some days."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being made")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    files = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id"],
                condition=models.Q(state="waiting"),
                name="one_export_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d}: {self.get_state_display()}"
