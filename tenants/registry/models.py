"""The tenants and their host names: rows of `public` that only the host lookup and staff read."""

import uuid
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from tenants.context import TenantContext


class Posture(models.TextChoices):
    GENERAL = "general", "General"
    REGULATED = "regulated", "Regulated"
    INTERNAL = "internal", "Internal"


class Retrieval(models.TextChoices):
    SCHEMA = "schema", "Own schema"
    KB_SHARED = "kb_shared", "Shared Knowledge Base"
    KB_DEDICATED = "kb_dedicated", "Dedicated Knowledge Base"


class Status(models.TextChoices):
    PROVISIONING = "provisioning", "Being set up"
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    DELETED = "deleted", "Deleted"


class Tenant(TenantMixin):
    """A customer: its plan, posture, Region and retrieval target select everything else.

    The schema and the database role share one name made from the id, so that renaming a workspace
    moves nothing. `plan` is a `billing` plan's code: `billing` stands above this app.
    """

    auto_create_schema = False  # onboarding makes the schema, under the owner's login
    auto_drop_schema = False

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$")],
    )
    name = models.CharField(max_length=120)
    plan = models.CharField(max_length=40, default="trial")
    posture = models.CharField(max_length=20, choices=Posture, default=Posture.GENERAL)
    region = models.CharField(max_length=20, default="us-east-1")
    retrieval = models.CharField(max_length=20, choices=Retrieval, default=Retrieval.SCHEMA)
    status = models.CharField(max_length=20, choices=Status, default=Status.PROVISIONING)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def context(self) -> TenantContext:
        """The frozen value that the seam carries."""
        return TenantContext(
            id=self.id,
            slug=self.slug,
            name=self.name,
            schema=self.schema_name,
            plan=self.plan,
            posture=self.posture,
            region=self.region,
            retrieval=self.retrieval,
        )


class Domain(DomainMixin):
    """A host name, without a port, that leads to a tenant."""
