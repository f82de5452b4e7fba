"""Which model, profile and guardrail serve whom: data that staff may edit, and what was decided.

Everything stands in `public`. Models, routes, tiers and guardrails are the same for all tenants;
a profile may belong to one tenant; a policy decision always does.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Role(models.TextChoices):
    """What a model is for. `small` serves unless a caller asks for `frontier`."""

    SMALL = "small", "Small"
    FRONTIER = "frontier", "Frontier"
    EMBEDDING = "embedding", "Embedding"


class Model(models.Model):
    """A foundation model and what it can do. Pages offer only what its row says it can.

    The rate card prices it under the same id.
    """

    model_id = models.CharField(primary_key=True, max_length=100)
    name = models.CharField(max_length=80)
    context_window = models.PositiveIntegerField(help_text="Tokens it can read.")
    max_output = models.PositiveIntegerField(help_text="Tokens it can write; 0 for embeddings.")
    dimensions = models.PositiveIntegerField(
        null=True, blank=True, help_text="Length of the vectors asked of an embedding model."
    )
    letters_per_token = models.DecimalField(
        max_digits=4,
        decimal_places=2,
        help_text="ASCII letters and spaces that one token holds at the least; every other byte is"
        " reckoned as a token of its own. Reservations rest on it.",
    )
    cache_minimum = models.PositiveIntegerField(
        null=True, blank=True, help_text="Fewest tokens of a cacheable prefix; empty: no caching."
    )
    supports_tools = models.BooleanField(default=False)
    supports_translate = models.BooleanField(default=False)
    supports_tone = models.BooleanField(default=False, verbose_name="Changes tone")

    class Meta:
        ordering: ClassVar = ["model_id"]

    def __str__(self) -> str:
        return self.name


class ModelRoute(models.Model):
    """The model that fills a role in a geography from a day on; the latest begun route counts.

    `source` is what profiles are copied from: a system profile of the geography
    (`us.amazon.nova-lite-v1:0`), or empty for the foundation model in the tenant's own Region.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=20, choices=Role)
    geography = models.CharField(max_length=10, help_text="First part of the Regions: us, eu…")
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="routes")
    source = models.CharField(max_length=120, blank=True)
    starts_on = models.DateField()

    class Meta:
        ordering: ClassVar = ["geography", "role", "-starts_on"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["role", "geography", "starts_on"], name="one_route_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} in {self.geography}"


class Tier(models.Model):
    """How a plan's calls are attributed: one profile for the whole plan, or one for each tenant."""

    class Profiles(models.TextChoices):
        PLAN = "plan", "One for the plan"
        TENANT = "tenant", "One for each tenant"

    plan = models.CharField(primary_key=True, max_length=40)
    profiles = models.CharField(max_length=10, choices=Profiles, default=Profiles.PLAN)

    class Meta:
        ordering: ClassVar = ["plan"]

    def __str__(self) -> str:
        return self.plan


class Guardrail(models.Model):
    """A posture's guardrail in one Region, at the numbered version that calls carry."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    posture = models.CharField(max_length=20)
    region = models.CharField(max_length=20)
    guardrail_id = models.CharField(max_length=40)
    arn = models.CharField(max_length=200)
    version = models.CharField(max_length=8)
    stream_mode = models.CharField(max_length=5, default="sync")
    definition = models.JSONField(help_text="What was sent to create this version.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the definition.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["posture", "region"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["posture", "region"], name="one_guardrail_a_posture"),
        ]

    def __str__(self) -> str:
        return f"{self.posture} in {self.region}"


class InferenceProfile(models.Model):
    """An application inference profile: one model, for a plan, or for one tenant of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    region = models.CharField(max_length=20)
    role = models.CharField(max_length=20, choices=Role)
    plan = models.CharField(max_length=40)
    tenant_id = models.UUIDField(null=True, blank=True)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="profiles")
    name = models.CharField(max_length=64)
    arn = models.CharField(max_length=200, unique=True)
    source = models.CharField(max_length=200, help_text="The ARN that it was copied from.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["region", "plan", "role"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["region", "plan", "role", "tenant_id"],
                name="one_profile_a_role",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyDecision(models.Model):
    """What was decided for one model call, recorded before the call is sent.

    `call` counts the calls of one request from 1: a question may be embedded, answered and checked
    under one request id.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    request_id = models.UUIDField()
    call = models.PositiveIntegerField()
    reservation_id = models.UUIDField(unique=True)
    feature = models.CharField(max_length=40)
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    region = models.CharField(max_length=20)
    operation = models.CharField(max_length=20)
    role = models.CharField(max_length=20, blank=True)
    model_id = models.CharField(max_length=100, blank=True)
    profile_arn = models.CharField(max_length=200, blank=True)
    guardrail_id = models.CharField(max_length=40, blank=True)
    guardrail_version = models.CharField(max_length=8, blank=True)
    stream_mode = models.CharField(max_length=5, blank=True)
    max_tokens = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "request_id"], name="decisions_of_request"),
            models.Index(fields=["created_at"], name="decisions_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.request_id}/{self.call}"


class FailedAttempt(models.Model):
    """An attempt of a call that brought no answer, for whatever reason, billed or not.

    The ledger holds what was or may have been billed; this row keeps the attempt itself countable.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    request_id = models.UUIDField()
    reservation_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20)
    aws_code = models.CharField(max_length=80)
    billed = models.BooleanField(help_text="It may have been billed: an estimate is in the ledger.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "request_id"], name="failures_of_request")
        ]

    def __str__(self) -> str:
        return f"{self.aws_code} {self.request_id}"
