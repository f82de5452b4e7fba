"""Knowledge Bases that this deployment has, how many it may have, and who reranks in a Region."""

import uuid
from decimal import Decimal
from typing import ClassVar

from django.db import models


class KnowledgePool(models.Model):
    """How many Knowledge Bases of a kind this deployment may have in a Region.

    `storage` is the classic kind's vector store as CreateKnowledgeBase takes it, with `{region}`
    and `{name}` where an index is meant; without it none of that kind can be made. The managed kind
    brings its own.
    """

    class Kind(models.TextChoices):
        VECTOR = "VECTOR", "Classic, with a vector store of ours"
        MANAGED = "MANAGED", "Managed"

    kind = models.CharField(primary_key=True, max_length=10, choices=Kind)
    position = models.PositiveSmallIntegerField(
        help_text="The pool with the lowest is tried first."
    )
    quota = models.PositiveIntegerField(help_text="What AWS lets the account have in a Region.")
    reserve = models.PositiveIntegerField(help_text="Kept free of tenants' own ones.")
    storage = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return self.get_kind_display()


class KnowledgeBase(models.Model):
    """A Knowledge Base with its one data source: a tenant's own, or a Region's shared one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    region = models.CharField(max_length=20)
    tenant_id = models.UUIDField(null=True, blank=True, help_text="Empty: shared.")
    kind = models.CharField(max_length=10, choices=KnowledgePool.Kind)
    name = models.CharField(max_length=100)
    knowledge_base_id = models.CharField(max_length=10)
    data_source_id = models.CharField(max_length=10)
    arn = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["region", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["region", "tenant_id"],
                name="one_knowledge_base_a_tenant",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Reranker(models.Model):
    """The reranking model that a Region offers; a Region without a row does not rerank.

    https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html
    """

    region = models.CharField(primary_key=True, max_length=20)
    model_id = models.CharField(max_length=100)
    weight = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.30"),
        db_default=Decimal("0.30"),
        help_text="0 to 1: how much its score counts beside the fused one.",
    )

    class Meta:
        ordering: ClassVar = ["region"]

    def __str__(self) -> str:
        return f"{self.model_id} in {self.region}"
