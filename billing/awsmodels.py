"""What AWS says that the tenants' calls cost: its own bill, as far as it has been delivered.

It is never the ledger's source: the ledger counts each call, AWS each hour. Tenants reach none of
it; staff hold one against the other.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class AwsCostLine(models.Model):
    """Dollars and usage of a day, alike in tenant, model, Region and usage type.

    `tenant_id` is empty where AWS attributes nothing: guardrail units, batch jobs, reranking,
    Knowledge Bases. `unit` is the ledger's, empty where the usage type is not known to us; the
    quantity is in that unit, whatever AWS counts in.
    """

    class Source(models.TextChoices):
        CUR = "cur", "CUR 2.0 export"
        EXPLORER = "ce", "Cost Explorer"

    USAGE: ClassVar = ("Usage", "DiscountedUsage", "")
    """The kinds that are for usage; others are credits, refunds, taxes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField(max_length=3, choices=Source)
    kind = models.CharField(
        max_length=20,
        db_default="Usage",
        default="Usage",
        help_text="AWS's line item type: Usage, Credit, Tax …",
    )
    period = models.DateField(help_text="First day of the billing period.")
    day = models.DateField()
    tenant_id = models.UUIDField(null=True)
    attributed_by = models.CharField(
        max_length=10, blank=True, help_text="principal: who signed; tag: the profile's tag."
    )
    region = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=120, blank=True)
    usage_type = models.CharField(max_length=150)
    unit = models.CharField(max_length=40, blank=True)
    quantity = models.DecimalField(max_digits=30, decimal_places=9)
    usd = models.DecimalField("USD", max_digits=30, decimal_places=15)
    entity = models.CharField("sold by", max_length=20, blank=True)
    estimated = models.BooleanField(default=False, help_text="AWS may still change it.")
    execution_id = models.CharField(max_length=80, blank=True)
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "AWS cost line"
        ordering: ClassVar = ["-day", "tenant_id", "model", "usage_type"]
        indexes: ClassVar = [
            models.Index(fields=["source", "day", "tenant_id"], name="aws_costs_of_day"),
            models.Index(fields=["source", "period"], name="aws_costs_of_period"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.usage_type}"


class AwsCostDelivery(models.Model):
    """The delivery of an export whose lines stand for a billing period now."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    period = models.DateField(unique=True)
    execution_id = models.CharField(max_length=80)
    manifest_key = models.CharField(max_length=1024)
    etag = models.CharField(max_length=80)
    lines = models.PositiveIntegerField(help_text="Lines of the export, each once.")
    repeated = models.PositiveIntegerField(help_text="Lines that came more than once.")
    usd = models.DecimalField("USD", max_digits=30, decimal_places=15)
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "AWS cost delivery"
        verbose_name_plural = "AWS cost deliveries"
        ordering: ClassVar = ["-period"]

    def __str__(self) -> str:
        return f"{self.period:%Y-%m} {self.execution_id}"
