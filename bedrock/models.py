"""Which model, profile and guardrail serve whom: data that staff may edit.

Everything stands in `public`. Models, routes and tiers are the same for all tenants; a profile or a
guardrail may belong to one tenant; a policy decision always does.
"""

import uuid
from typing import ClassVar

from django.db import models

from bedrock.batchmodels import BatchJob as BatchJob
from bedrock.batchmodels import BatchRule as BatchRule
from bedrock.decisionmodels import FailedAttempt as FailedAttempt
from bedrock.decisionmodels import PolicyDecision as PolicyDecision
from bedrock.knowledgemodels import KnowledgeBase as KnowledgeBase
from bedrock.knowledgemodels import KnowledgePool as KnowledgePool
from bedrock.knowledgemodels import Reranker as Reranker
from bedrock.loggedmodels import LogCursor as LogCursor
from bedrock.loggedmodels import LogFinding as LogFinding
from bedrock.loggedmodels import LoggedCall as LoggedCall
from bedrock.loggedmodels import LogObject as LogObject
from bedrock.posturemodels import PostureRequest as PostureRequest
from bedrock.promptmodels import AssistantSettings as AssistantSettings
from bedrock.safetymodels import GuardrailCheck as GuardrailCheck
from bedrock.safetymodels import Intervention as Intervention
from bedrock.safetymodels import SafetyRules as SafetyRules


class Role(models.TextChoices):
    """What a model is for. `small` serves unless a `RoutePolicy` leads to `frontier`."""

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
    caches_tools = models.BooleanField(
        default=False, help_text="A cache point may stand behind the tools too (not with Nova)."
    )
    cache_hour = models.BooleanField(
        default=False, help_text="Keeps a prefix for an hour where it is asked to."
    )
    image_tokens = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Most tokens that a picture of 1,240 pixels a side counts; empty: it sees none.",
    )
    service_tiers = models.JSONField(
        default=list, blank=True, help_text="Tiers it is offered in beside default."
    )
    optimized_latency = models.BooleanField(default=False)
    supports_effort = models.BooleanField(default=False)
    silence_seconds = models.DecimalField(
        max_digits=5,
        decimal_places=1,
        default=30,
        help_text="A stream silent for so long is given up; what had come is kept.",
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
    log_days = models.PositiveSmallIntegerField(
        default=30,
        verbose_name="Keeps logged calls, days",
        help_text="How long questions and answers are kept under the workspace's prefix.",
    )
    own_guardrail = models.BooleanField(
        default=False, help_text="A workspace may have denied topics: a guardrail of its own."
    )
    reranked = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="How many of the passages found are reranked, at most 100; 0: none.",
    )
    loosening = models.CharField(
        max_length=10,
        blank=True,
        db_default="owner",
        default="owner",
        choices=[("admin", "Admins"), ("owner", "Owners")],
        help_text="Who may choose a looser posture; empty: staff approve. Leaving regulated always"
        " needs staff.",
    )

    class Meta:
        ordering: ClassVar = ["plan"]

    def __str__(self) -> str:
        return self.plan


class ServiceTier(models.TextChoices):
    """How urgently the service works a call off, each at a price of its own.

    https://docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html
    """

    DEFAULT = "default", "Default"
    PRIORITY = "priority", "Priority"
    FLEX = "flex", "Flex"
    RESERVED = "reserved", "Reserved"


class RoutePolicy(models.Model):
    """Which role serves a feature of a plan, what leads to `frontier`, and how it is asked.

    The most particular row counts: feature and plan, then feature, then plan, then neither. A
    threshold that is empty leads nowhere.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feature = models.CharField(max_length=40, blank=True, help_text="Empty: every feature.")
    plan = models.CharField(max_length=40, blank=True, help_text="Empty: every plan.")
    role = models.CharField(
        max_length=20,
        choices=[(Role.SMALL, Role.SMALL.label), (Role.FRONTIER, Role.FRONTIER.label)],
        default=Role.SMALL,
    )
    tool_rounds = models.PositiveSmallIntegerField(
        "frontier from tool round", null=True, blank=True
    )
    context_tokens = models.PositiveIntegerField(
        "frontier above tokens to read", null=True, blank=True
    )
    least_grounding = models.DecimalField(
        "frontier once more below grounding",
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="0 to 1. An answer that scores less is made once more.",
    )
    choice = models.BooleanField("the user may choose", default=False)
    service_tier = models.CharField(max_length=10, choices=ServiceTier, blank=True)
    latency = models.CharField(
        max_length=10,
        choices=[("optimized", "Optimized")],
        blank=True,
        help_text="Empty: standard.",
    )
    cache_hour = models.BooleanField(
        "cache for an hour",
        default=False,
        help_text="Tools and system prompt, where it can; else five minutes.",
    )
    effort = models.CharField(
        max_length=6, choices=[(e, e) for e in ("low", "medium", "high")], blank=True
    )

    class Meta:
        ordering: ClassVar = ["feature", "plan"]
        verbose_name_plural = "route policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feature", "plan"], name="one_route_policy_a_feature"),
        ]

    def __str__(self) -> str:
        return f"{self.feature or 'every feature'}, {self.plan or 'every plan'}"


class ProvisionedModel(models.Model):
    """Provisioned throughput that serves a role in a Region, for a tenant, a plan or everybody.

    It is billed by the hour whether used or not, so its calls carry the prices of the model key
    `…@provisioned`: tokens are counted at 0 and the hours stand here, outside the ledger.
    https://docs.aws.amazon.com/bedrock/latest/userguide/prov-throughput.html
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    region = models.CharField(max_length=20)
    role = models.CharField(max_length=20, choices=Role)
    plan = models.CharField(max_length=40, blank=True, help_text="Empty: every plan.")
    tenant_id = models.UUIDField(null=True, blank=True)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="provisioned")
    arn = models.CharField(max_length=200, unique=True)
    usd_per_hour = models.DecimalField(max_digits=12, decimal_places=4)
    serving = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["region", "role", "plan"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["region", "role", "plan", "tenant_id"],
                condition=models.Q(serving=True),
                name="one_provisioned_model_a_role",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.arn.rsplit("/", 1)[-1]


class Guardrail(models.Model):
    """A guardrail in one Region, at the numbered version that calls carry.

    It is a posture's, for all, or one tenant's own: its posture's definition and its topics. An own
    one that is not made yet has no version, and the posture's serves meanwhile.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    posture = models.CharField(max_length=20)
    region = models.CharField(max_length=20)
    tenant_id = models.UUIDField(null=True, blank=True)
    guardrail_id = models.CharField(max_length=40, blank=True)
    arn = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=8, blank=True)
    stream_mode = models.CharField(max_length=5, default="sync")
    definition = models.JSONField(default=dict, help_text="What was sent to create this version.")
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the definition."
    )
    state = models.CharField(
        max_length=120, default="as it should be", help_text="As it was found at the last check."
    )
    checked_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["posture", "region"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["posture", "region"],
                condition=models.Q(tenant_id=None),
                name="one_guardrail_a_posture",
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "region"],
                condition=models.Q(tenant_id__isnull=False),
                name="one_guardrail_a_tenant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id or self.posture} in {self.region}"


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
    regions = models.JSONField(
        null=True, help_text="Where AWS may serve its calls; empty: not read yet."
    )
    state = models.CharField(
        max_length=120, default="as it should be", help_text="As it was found at the last check."
    )
    checked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(
        null=True, help_text="Serves no new call; deleted when nothing uses it any more."
    )
    deleted_at = models.DateTimeField(
        null=True, help_text="Gone from AWS; the row still explains old bills and logs."
    )

    class Meta:
        ordering: ClassVar = ["region", "plan", "role"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["region", "plan", "role", "tenant_id"],
                condition=models.Q(retired_at=None),
                name="one_profile_a_role",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProfileCheck(models.Model):
    """What the last reconciliation of a Region's inference profiles found."""

    region = models.CharField(primary_key=True, max_length=20)
    quota = models.PositiveIntegerField(
        default=1000, help_text="Profiles that AWS lets the account have in this Region."
    )
    total = models.PositiveIntegerField(default=0, help_text="All in the account.")
    foreign = models.PositiveIntegerField(default=0, help_text="Not this deployment's; left alone.")
    waiting = models.PositiveIntegerField(default=0, help_text="Retired, not yet deleted.")
    done = models.TextField(blank=True, help_text="What was made, mended and deleted.")
    warning = models.CharField(max_length=200, blank=True)
    checked_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["region"]

    def __str__(self) -> str:
        return self.region
