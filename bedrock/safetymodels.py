"""A tenant's own safety rules, what guardrails did, and how a Region's guardrails were found."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class SafetyRules(models.Model):
    """One version of a tenant's posture, words, thresholds and topics; the newest is in force.

    A change is a new row, so that who changed what can be read, and an old version set again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    version = models.PositiveIntegerField()
    posture = models.CharField(
        max_length=20, blank=True, db_default="", help_text="Empty: from before it was kept here."
    )
    words = models.JSONField(default=list, help_text="Words and phrases refused on both sides.")
    thresholds = models.JSONField(
        default=dict, help_text="Severity or confidence, 0 to 1, from which it is refused."
    )
    least_grounding = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    topics = models.JSONField(default=list, help_text="Topics that its own guardrail denies.")
    changed_by = models.UUIDField(null=True)
    changed_at = models.DateTimeField(db_default=Now())
    restored_from = models.PositiveIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["tenant_id", "-version"]
        verbose_name_plural = "safety rules"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "version"], name="one_version_of_rules"),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class Intervention(models.Model):
    """What a guardrail or a tenant's own rule did about one call: which policy, never the text."""

    class Origin(models.TextChoices):
        GUARDRAIL = "guardrail", _("Guardrail")
        WORDS = "words", _("The workspace's words")
        THRESHOLDS = "thresholds", _("The workspace's thresholds")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    request_id = models.UUIDField()
    call = models.PositiveIntegerField()
    feature = models.CharField(max_length=40)
    origin = models.CharField(max_length=10, choices=Origin)
    guardrail_id = models.CharField(max_length=40, blank=True)
    guardrail_version = models.CharField(max_length=8, blank=True)
    side = models.CharField(max_length=6, help_text="input or output")
    policy = models.CharField(max_length=30, help_text="content, topic, word, pii, regex…")
    finding = models.CharField(max_length=100, help_text="The filter, entity type or topic.")
    action = models.CharField(max_length=10, help_text="blocked or masked")
    count = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "request_id"], name="interventions_of_request"),
            models.Index(fields=["created_at"], name="interventions_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.policy} {self.action}"


class GuardrailCheck(models.Model):
    """What the last check of a Region's guardrails found; the quotas alone are edited."""

    region = models.CharField(primary_key=True, max_length=20)
    quota = models.PositiveIntegerField(
        default=100, help_text="Guardrails that AWS lets the account have in this Region."
    )
    reserve = models.PositiveIntegerField(
        default=10, help_text="Of these kept for the shared postures."
    )
    total = models.PositiveIntegerField(default=0, help_text="All in the account.")
    own = models.PositiveIntegerField(default=0, help_text="Of single workspaces.")
    foreign = models.PositiveIntegerField(default=0, help_text="Not this deployment's; left alone.")
    done = models.TextField(blank=True, help_text="What was made, mended and deleted.")
    warning = models.CharField(max_length=200, blank=True)
    checked_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["region"]

    def __str__(self) -> str:
        return self.region
