"""The tenants and their host names: rows of `public` that only the host lookup and staff read."""

import uuid
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

from tenants.context import TenantContext
from tenants.registry.checkmodels import IsolationCheck as IsolationCheck
from tenants.registry.datamodels import DataExport as DataExport
from tenants.registry.datamodels import DataPolicy as DataPolicy
from tenants.registry.datamodels import RetentionReport as RetentionReport
from tenants.registry.deadmodels import DeadTask as DeadTask
from tenants.registry.healthmodels import TenantHealth as TenantHealth
from tenants.registry.impersonationmodels import Impersonation as Impersonation
from tenants.registry.quarantinemodels import QuarantinedDocument as QuarantinedDocument
from tenants.registry.regionmodels import RegionMove as RegionMove


class Posture(models.TextChoices):
    GENERAL = "general", _("General")
    REGULATED = "regulated", _("Regulated")
    INTERNAL = "internal", _("Internal")


class Retrieval(models.TextChoices):
    SCHEMA = "schema", _("Own schema")
    KB_SHARED = "kb_shared", _("Shared Knowledge Base")
    KB_DEDICATED = "kb_dedicated", _("Dedicated Knowledge Base")


class Status(models.TextChoices):
    PROVISIONING = "provisioning", _("Being set up")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    DELETED = "deleted", _("Deleted")


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
        verbose_name = "workspace"
        verbose_name_plural = "workspaces"
        ordering: ClassVar = ["slug"]
        # What staff filter by; the names are searched by their beginnings (see the migration).
        indexes: ClassVar = [
            models.Index(fields=[name, "slug"], name=f"tenants_by_{name}")
            for name in ("status", "plan", "posture", "region")
        ]

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


class OwnTenant(models.Model):
    """The workspace's own row of the registry, while it is active: all that a tenant's role sees.

    A view (see its migration), so that one statement tells who acts and where.
    """

    id = models.UUIDField(primary_key=True)
    slug = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    schema_name = models.CharField(max_length=63)
    plan = models.CharField(max_length=40)
    posture = models.CharField(max_length=20)
    region = models.CharField(max_length=20)
    retrieval = models.CharField(max_length=20)

    class Meta:
        managed = False
        db_table = "registry_own"

    def __str__(self) -> str:
        return self.slug


class Governance(models.Model):
    """How new is what staff and admins decide: see `tenants.governance`. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    version = models.BigIntegerField()

    def __str__(self) -> str:
        return f"version {self.version}"


class Domain(DomainMixin):
    """A host name, without a port, that leads to a tenant."""


class Onboarding(models.Model):
    """A workspace being made, step by step; `id` becomes the tenant's.

    `done` holds when each finished step was done, so that a run that was cut off goes on behind
    it. `password` is the owner's hash, and emptied as soon as the owner exists. The public host
    adds rows and reads their state, and none of the people's data (column rights, its migration).
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        READY = "ready", _("In use, resources in AWS follow")
        DONE = "done", _("Complete")

    tenant_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    host = models.CharField(max_length=253)
    plan = models.CharField(max_length=40)
    posture = models.CharField(max_length=20)
    region = models.CharField(max_length=20)
    retrieval = models.CharField(max_length=20)
    owner_id = models.UUIDField(default=uuid.uuid4)
    owner_email = models.EmailField(max_length=254)
    owner_name = models.CharField(max_length=120, blank=True)
    password = models.CharField(max_length=128, blank=True)
    signed_up = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    done = models.JSONField(default=dict)  # by step: when it was done
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    requested_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-requested_at"]

    def __str__(self) -> str:
        return f"{self.slug}: {self.get_state_display()}"


class AddressEntry(models.Model):
    """Says that a workspace may know an e-mail address: a keyed hash of it, never the address."""

    pk = models.CompositePrimaryKey("tenant_id", "digest")
    tenant_id = models.UUIDField()
    digest = models.BinaryField(max_length=32, db_index=True)

    def __str__(self) -> str:
        return f"{bytes(self.digest).hex()[:12]}… in {self.tenant_id}"


class Offboarding(models.Model):
    """A workspace on its way out: asked for, waiting, being erased step by step, then a receipt.

    `erased` holds what each finished step erased, so that a run that was cut off goes on behind it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Being erased")
        DONE = "done", _("Erased")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    slug = models.CharField(max_length=40)
    requested_by = models.UUIDField(null=True)
    requested_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    erased = models.JSONField(default=dict)  # by step: a list of lines
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)
    receipt = models.JSONField(null=True)
    signature = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering: ClassVar = ["-requested_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id"],
                name="one_offboarding_at_a_time",
                condition=models.Q(state="waiting") | models.Q(state="running"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.slug}: {self.get_state_display()}"


class Relocation(models.Model):
    """A move of a workspace's vectors that staff asked for, as far as it has come.

    What is left to do follows from the workspace's own tables; these numbers are for whoever looks.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Moving")
        FAILED = "failed", _("Stopped")
        DONE = "done", _("Moved")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    target = models.CharField(max_length=20, choices=Retrieval)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    passages = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    asked_by = models.UUIDField()
    asked_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id"],
                name="one_relocation_at_a_time",
                condition=models.Q(state="waiting") | models.Q(state="running"),
            )
        ]

    def __str__(self) -> str:
        return f"to {self.target}: {self.get_state_display()}"


class AuditAnchor(models.Model):
    """The digest of a workspace's audit seal, kept where the workspace's own tables are not.

    Whoever rewrites a workspace's audit and its seals cannot rewrite these.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)
    pruned_at = models.DateTimeField(
        null=True, help_text="When the rows under this seal went, their retention over."
    )

    class Meta:
        ordering: ClassVar = ["tenant_id", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "number"], name="one_anchor_a_seal")
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.number}"


class AuditArchive(models.Model):
    """An erased workspace's audit rows, each sealed with the one before, so that a change shows."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.UUIDField()
    number = models.BigIntegerField(help_text="The row's id in the workspace.")
    event = models.JSONField()
    seal = models.CharField(max_length=64, help_text="SHA-256 of the seal before and the event.")

    class Meta:
        ordering: ClassVar = ["tenant_id", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant_id", "number"], name="one_row_an_event")
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.number}"
