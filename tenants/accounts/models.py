"""People of one workspace: users, roles, API keys, audit. In `public`, the operator's staff."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.accounts.groupmodels import GroupMember as GroupMember
from tenants.accounts.groupmodels import MemberGroup as MemberGroup


class Role(models.TextChoices):
    """From least to most; each may do what those before it may."""

    VIEWER = "viewer", _("Viewer")
    MEMBER = "member", _("Member")
    ADMIN = "admin", _("Admin")
    OWNER = "owner", _("Owner")


class StaffRole(models.TextChoices):
    """Of the operator's staff; what each sees and may do stands in `config/staffroles.py`."""

    SUPPORT = "support", "Support"
    FINANCE = "finance", "Finance"
    SECURITY = "security", "Security"
    ADMINISTRATOR = "administrator", "Administrator"


ROLE_ORDER = {role: rank for rank, role in enumerate(Role.values)}


def role_reaches(role: str, needed: str) -> bool:
    """Return whether `role` may do what `needed` may."""
    return ROLE_ORDER[role] >= ROLE_ORDER[needed]


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        role = StaffRole.ADMINISTRATOR
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, staff_role=role, **fields
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Someone who signs in with an e-mail address, which other workspaces may know too."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True)  # kept in lower case
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.MEMBER)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    email_confirmed_at = models.DateTimeField(null=True, blank=True)
    is_service = models.BooleanField(
        default=False,
        db_default=False,
        help_text="A program's account: owned by the workspace, has keys and no password.",
    )
    # One of settings.LANGUAGES; empty: as the browser asks.
    language = models.CharField(max_length=8, blank=True, default="", db_default="")

    staff_role = models.CharField(
        max_length=13,
        choices=StaffRole,
        blank=True,
        db_default="",
        default="",
        help_text="Without one, a member of staff signs in and sees nothing.",
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering: ClassVar = ["email"]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """Return the name as the staff admin shows it above the address."""
        return self.name

    @property
    def initials(self) -> str:
        """One or two letters for the user's badge."""
        words = (self.name or self.email.split("@")[0]).replace(".", " ").split()
        return "".join(word[0] for word in words[:2]).upper()


class Invitation(models.Model):
    """An address that may join, with the role it will have. The link is signed, not stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254)  # in lower case
    role = models.CharField(max_length=20, choices=Role)
    invited_by = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    groups = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_an_address",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()


class ApiKey(models.Model):
    """A user's key for programs. Only its SHA-256 is kept, unsalted: keys are long and random."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = models.JSONField(null=True, help_text="What it may be used for; empty: everything.")
    allowance_usd = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, help_text="A month; empty: without limit."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class AuditEvent(models.Model):
    """Who did what to which object, when; written in the same transaction as the deed."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor_id = models.UUIDField(null=True)
    actor_kind = models.CharField(max_length=20)
    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(
        max_length=45,
        blank=True,
        db_default="",
        help_text="The client's; none where a task did it.",
    )
    data = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-id"]
        # What the list is filtered by, each ordered as the list is; empty texts need none.
        indexes: ClassVar = [
            models.Index(fields=["actor_id", "id"], name="audit_of_actor"),
            models.Index(
                fields=["action", "id"],
                name="audit_of_action",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            ),
            models.Index(
                fields=["object_id", "id"],
                name="audit_of_object",
                condition=~models.Q(object_id=""),
            ),
            models.Index(
                fields=["request_id", "id"],
                name="audit_of_request",
                condition=~models.Q(request_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"


class AuditSeal(models.Model):
    """A run of audit rows and the hash that holds it and the seal before; see `sealing.py`."""

    number = models.PositiveIntegerField(primary_key=True)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    rows = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["number"]

    def __str__(self) -> str:
        return f"{self.number}: {self.first_id} to {self.last_id}"


class KeptAnswer(models.Model):
    """The answer to a REST request with an `Idempotency-Key`, for a day; see `idempotency.py`.

    `status` is null while the request is being carried out, 0 where the answer was not kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request = models.CharField(max_length=64)  # a digest of what was asked
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=255, blank=True)
    body = models.TextField(blank=True)  # sealed: an answer may hold a secret that is shown once
    claimed_until = models.DateTimeField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"
