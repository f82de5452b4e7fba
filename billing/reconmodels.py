"""Ledger, invocation log and AWS's bill side by side, and what staff decided about differences.

All of it is the deployment's: written by the ops login and by staff, closed to tenants. A row that
belongs to no workspace is usage that AWS bills and nobody booked.
"""

import uuid
from decimal import Decimal
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now

from billing.money import all_digits


class LoggedUsage(models.Model):
    """What the invocation log counts of a day, in the ledger's units; pushed by who reads it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    day = models.DateField()
    tenant_id = models.UUIDField()
    model = models.CharField(max_length=120)
    unit = models.CharField(max_length=40)
    quantity = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "tenant_id", "model", "unit"], name="one_logged_sum_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.unit}"


class ReconciliationLine(models.Model):
    """One unit of a workspace, model and day on all three sides, as the last run found it.

    `log_quantity` is empty where AWS's log does not cover the unit. `allocated`: AWS names no
    workspace for it, its sum was shared out by what the ledger holds. Quantities are the ledger's
    units, variances are AWS minus ledger. `model` is the base model, whatever tier served.
    """

    class Cause(models.TextChoices):
        EQUAL = "equal", "Equal"
        PENDING = "pending", "Not delivered by AWS yet"
        LATE = "late", "AWS still delivers lines of this day"
        MIDNIGHT = "midnight", "Counted on the day before or after"
        PRICE = "price", "Same usage at another price"
        UNPRICED = "unpriced", "The ledger has no price for it"
        ESTIMATED = "estimated", "The ledger holds an estimate"
        MISSING = "missing", "Used, and not in the ledger"
        OVERBOOKED = "overbooked", "In the ledger, and never used"
        DUPLICATE_LEDGER = "duplicate_ledger", "In the ledger more than once"
        DUPLICATE_BILL = "duplicate_bill", "On AWS's bill more than once"
        ABSENT = "absent", "Missing from AWS's bill"
        SHARE = "share", "A share of what AWS attributes to nobody"
        DRIFT = "drift", "AWS counts differently from ledger and log"
        UNATTRIBUTED = "unattributed", "AWS names no workspace and nobody booked it"
        UNKNOWN_TENANT = "unknown_tenant", "AWS names a workspace that does not exist"
        UNKNOWN_USAGE = "unknown_usage", "A usage type that has no unit here"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    period = models.DateField(help_text="First day of the billing period.")
    day = models.DateField()
    tenant_id = models.UUIDField(null=True)
    model = models.CharField(max_length=150)
    unit = models.CharField(max_length=40, blank=True)
    ledger_quantity = models.DecimalField(max_digits=30, decimal_places=9)
    ledger_usd = models.DecimalField("ledger, USD", max_digits=30, decimal_places=15)
    estimated_quantity = models.DecimalField(max_digits=30, decimal_places=9)
    log_quantity = models.DecimalField(max_digits=30, decimal_places=9, null=True)
    aws_quantity = models.DecimalField("AWS quantity", max_digits=30, decimal_places=9)
    aws_usd = models.DecimalField("AWS, USD", max_digits=30, decimal_places=15)
    aws_source = models.CharField(max_length=3, blank=True)
    allocated = models.BooleanField(default=False)
    cause = models.CharField(max_length=20, choices=Cause)

    class Meta:
        verbose_name = "reconciliation line"
        verbose_name_plural = "reconciliation"
        ordering: ClassVar = ["-day", "tenant_id", "model", "unit"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "tenant_id", "model", "unit"],
                nulls_distinct=False,
                name="one_reconciliation_a_unit",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["period", "tenant_id"], name="reconciliation_of_period")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.unit}"

    @property
    def variance_usd(self) -> Decimal:
        """AWS minus ledger."""
        return self.aws_usd - self.ledger_usd


class ReconciliationRun(models.Model):
    """When a period was last held against AWS's bill, and by which delivery of it."""

    period = models.DateField(primary_key=True)
    reconciled_at = models.DateTimeField()
    delivery = models.CharField(max_length=80, blank=True, help_text="AWS's execution id.")
    billed_until = models.DateField(
        null=True, help_text="The last day that AWS has billed anything of."
    )
    lines = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.period:%Y-%m}"


class ReconciliationDecision(models.Model):
    """What a member of staff decided about a difference, and why; it stands as it was made.

    `accept` leaves a case (a workspace's model and day) as it is, `true_up` moves the ledger to
    AWS's bill, `release` lets a workspace's period be invoiced in spite of its differences. Each
    holds for the variance that was seen: a greater one opens the question again.
    """

    class Kind(models.TextChoices):
        ACCEPT = "accept", "Accepted"
        TRUE_UP = "true_up", "Trued up"
        RELEASE = "release", "Released for invoicing"

    class State(models.TextChoices):
        PENDING = "pending", "Under way"
        DONE = "done", "Done"
        STALE = "stale", "Not done: the figures had changed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State)
    period = models.DateField()
    tenant_id = models.UUIDField(null=True)
    day = models.DateField(null=True)
    model = models.CharField(max_length=150, blank=True)
    variance_usd = models.DecimalField(
        "variance, USD",
        max_digits=30,
        decimal_places=15,
        help_text="The units' differences without their signs, as they were seen.",
    )
    reason = models.CharField(max_length=500)
    decided_by = models.UUIDField()
    decided_at = models.DateTimeField(db_default=Now())
    corrections = models.PositiveIntegerField(default=0, help_text="Ledger entries that it made.")
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "reconciliation decision"
        ordering: ClassVar = ["-decided_at"]
        indexes: ClassVar = [
            models.Index(fields=["period", "tenant_id"], name="decisions_of_period")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.day or self.period}"


class ReconciliationPolicy(models.Model):
    """When a difference holds invoices back. One row."""

    tolerance_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=1,
        validators=[MinValueValidator(0)],
        help_text="Of what the ledger holds for a workspace and period.",
    )
    tolerance_usd = models.DecimalField(
        "tolerance, USD",
        max_digits=12,
        decimal_places=6,
        default="0.50",
        validators=[MinValueValidator(0)],
        help_text="A difference below it never holds anything back.",
    )
    settle_hours = models.PositiveIntegerField(
        default=48, help_text="How long after a day AWS may still deliver lines of it."
    )

    class Meta:
        verbose_name = "reconciliation policy"
        verbose_name_plural = "reconciliation policy"

    def __str__(self) -> str:
        return f"{self.tolerance_percent.normalize():f} % or {all_digits(self.tolerance_usd)}"
