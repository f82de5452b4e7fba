"""What was said when a limit came near, to whom it is said, and who has read it. Tenants' rows."""

import uuid
from typing import Any, ClassVar, Final

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.limitmodels import EVERYONE, MONEY

THRESHOLDS: Final = (80, 100)
"""Percent of a limit at which a workspace that chose nothing is told."""


class AlertSettings(models.Model):
    """What a workspace chose; without a row, `THRESHOLDS` and mail to owners and admins.

    `thresholds`: kind -> percents, ascending; an empty list says nothing. `members`: ids of who
    gets the mail beside owners and admins (`to_admins`).
    """

    tenant_id = models.UUIDField(primary_key=True)
    thresholds = models.JSONField(default=dict)
    to_admins = models.BooleanField(default=True)
    members = models.JSONField(default=list)
    set_by = models.UUIDField(null=True)
    set_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.tenant_id)


class Alert(models.Model):
    """A threshold that was passed: once for each month, limit and amount of the limit.

    A limit that is changed is another: what is passed of the new one is said again. `event_at`
    and `told_at` are set in the transactions that queue the event and send the mail.
    """

    class Kind(models.TextChoices):
        QUOTA = "quota", _("Included in the plan")
        CAP = "cap", _("Spend cap")
        BUDGET = "budget", _("Budget")
        ALLOWANCE = "allowance", _("Allowances of members")
        STORAGE = "storage", _("Storage")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    kind = models.CharField(max_length=12, choices=Kind)
    metric = models.CharField(max_length=40)
    user_id = models.UUIDField(default=EVERYONE)
    period = models.DateField()
    threshold = models.PositiveSmallIntegerField()
    used = models.DecimalField(**MONEY)
    most = models.DecimalField(**MONEY)
    at = models.DateTimeField(db_default=Now())
    event_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-at", "-threshold"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-at"], name="alerts_latest"),
            models.Index(
                fields=["at"], name="alerts_untold", condition=models.Q(told_at__isnull=True)
            ),
        ]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["tenant_id", "period", "kind", "metric", "user_id", "most", "threshold"],
                name="one_alert_a_threshold",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.metric} {self.threshold}%"


class AlertsRead(models.Model):
    """Until when a user has read the alerts."""

    pk = models.CompositePrimaryKey("tenant_id", "user_id")
    tenant_id = models.UUIDField()
    user_id = models.UUIDField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} {self.until}"
