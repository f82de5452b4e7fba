"""Credits that AWS granted the deployment, and what was said before they end."""

import uuid
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now


class CreditGrant(models.Model):
    """One grant: how much, until when, and for what AWS lets it be spent."""

    class Program(models.TextChoices):
        ACTIVATE = "activate", "AWS Activate"
        POC = "poc", "Bedrock and GenAI proof of concept"
        ACCELERATOR = "accelerator", "AWS Generative AI Accelerator"
        OTHER = "other", "Another program"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    program = models.CharField(max_length=20, choices=Program)
    name = models.CharField(max_length=120, help_text="As AWS calls it in the billing console.")
    amount_usd = models.DecimalField(
        "amount, USD", max_digits=14, decimal_places=2, validators=[MinValueValidator(0)]
    )
    starts_on = models.DateField(help_text="The first day whose cost it pays for (UTC).")
    expires_on = models.DateField(help_text="The last day whose cost it pays for (UTC).")
    covers_aws = models.BooleanField(
        "pays for what AWS sells",
        default=True,
        help_text="Amazon's models, guardrails, Knowledge Bases.",
    )
    covers_marketplace = models.BooleanField(
        "pays for what is sold through AWS Marketplace",
        default=False,
        help_text="Models of Anthropic and Cohere. The grant's terms say whether.",
    )
    alert_mail = models.EmailField(
        blank=True, help_text="Told 30 and 7 days before it expires, and when a tenth is left."
    )
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "AWS credit grant"
        verbose_name_plural = "AWS credits"
        ordering: ClassVar = ["expires_on", "name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(expires_on__gte=models.F("starts_on")),
                name="credit_ends_after_it_begins",
                violation_error_message="It expires before it begins.",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_usd__gte=0), name="credit_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CreditAlert(models.Model):
    """What was said about a grant, once each."""

    class Kind(models.TextChoices):
        MONTH = "month", "It expires within 30 days"
        WEEK = "week", "It expires within 7 days"
        LOW = "low", "A tenth or less is left"

    grant = models.ForeignKey(CreditGrant, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=10, choices=Kind)
    remaining_usd = models.DecimalField("left, USD", max_digits=30, decimal_places=15)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["grant", "kind"], name="one_alert_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.grant} {self.kind}"


class MarginLine(models.Model):
    """What a workspace's feature brought and cost on a model in a month, as last computed.

    Revenue is the workspace's charges shared out by cost; `aws_usd` is AWS's bill where it has been
    delivered (`billed`), else the ledger. Storage has a row of its own, without a model.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    period = models.DateField()
    tenant_id = models.UUIDField()
    plan = models.CharField(max_length=40)
    feature = models.CharField(max_length=40)
    model = models.CharField(max_length=150, blank=True)
    revenue_usd = models.DecimalField("revenue, USD", max_digits=30, decimal_places=15)
    aws_usd = models.DecimalField("models, USD", max_digits=30, decimal_places=15)
    guardrail_usd = models.DecimalField("guardrails, USD", max_digits=30, decimal_places=15)
    storage_usd = models.DecimalField("storage, USD", max_digits=30, decimal_places=15)
    billed = models.BooleanField(help_text="From AWS's bill; otherwise from the ledger.")
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "margin line"
        verbose_name_plural = "margin"
        ordering: ClassVar = ["-period", "tenant_id", "feature", "model"]
        indexes: ClassVar = [models.Index(fields=["period", "tenant_id"], name="margin_of_period")]

    def __str__(self) -> str:
        return f"{self.period:%Y-%m} {self.feature} {self.model}"
