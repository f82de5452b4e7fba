"""How people prove who they are beyond the password, and the sessions that are open."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.signin.devices import device_retold

GRACE: Final = timedelta(days=7)  # a domain's record may be gone before nobody new joins by it


class Factor(models.Model):
    """A second factor of a user: an authenticator app, or a security key or passkey."""

    class Kind(models.TextChoices):
        APP = "app", _("Authenticator app")
        KEY = "key", _("Security key or passkey")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="factors"
    )
    kind = models.CharField(max_length=3, choices=Kind)
    name = models.CharField(max_length=60)
    secret = models.TextField(blank=True, help_text="Of an app: sealed.")
    last_step = models.BigIntegerField(default=0, help_text="Of an app: no code works twice.")
    credential = models.BinaryField(null=True, help_text="Of a key: id and public key.")
    sign_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["created_at"]

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """A code that works once in place of a factor. Only its SHA-256 is kept: 80 random bits."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.BinaryField(max_length=32, unique=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {'used' if self.used_at else 'open'}"


class SignInPolicy(models.Model):
    """Who must have a second factor; one row, made when it is first set."""

    class Second(models.TextChoices):
        OPTIONAL = "optional", _("Nobody must")
        ADMINS = "admins", _("Admins and owners")
        EVERYONE = "everyone", _("Everyone")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    second = models.CharField(max_length=10, choices=Second, default=Second.OPTIONAL)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_sign_in_policy")
        ]

    def __str__(self) -> str:
        return self.second


class OpenSession(models.Model):
    """A session that a user has open: what tells them whose it is. The row of Django's beside it.

    `session_key` is Django's, and stays out of exports.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="open_sessions"
    )
    session_key = models.CharField(max_length=40, unique=True)
    device = models.CharField(max_length=80)
    address = models.CharField(max_length=45)
    how = models.CharField(max_length=20, help_text="What was shown beside the password.")
    provider_session = models.CharField(
        max_length=255, blank=True, default="", db_default="", help_text="The provider's own id."
    )
    signed_in_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-seen_at"]

    def __str__(self) -> str:
        return self.device

    @property
    def device_named(self) -> str:
        """The device in the reader's language; rows keep it in English."""
        return device_retold(self.device)


class Provider(models.Model):
    """The identity provider that a workspace's people sign in with; one row at most.

    `metadata` is what was last read of it, at `read_at`: OIDC's endpoints and keys, or SAML's
    address and certificates. A change of where it leads takes `tested_at` and `state` back.
    """

    class Kind(models.TextChoices):
        OIDC = "oidc", "OpenID Connect"
        SAML = "saml", "SAML 2.0"

    class State(models.TextChoices):
        OFF = "off", _("Off")
        ON = "on", _("On")
        REQUIRED = "required", _("Required")

    class Role(models.TextChoices):
        VIEWER = "viewer", _("Viewer")
        MEMBER = "member", _("Member")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    kind = models.CharField(max_length=4, choices=Kind)
    name = models.CharField(max_length=40, help_text="As on the button.")
    state = models.CharField(max_length=8, choices=State, default=State.OFF)
    issuer = models.CharField(max_length=500, help_text="OIDC's issuer, SAML's entity id.")
    client_id = models.CharField(max_length=255, blank=True)
    secret = models.TextField(blank=True, help_text="Sealed.")
    metadata_url = models.CharField(max_length=2000, blank=True)
    metadata: Any = models.JSONField(default=dict)
    read_at = models.DateTimeField(null=True)
    email_claim = models.CharField(max_length=200, blank=True)
    name_claim = models.CharField(max_length=200, blank=True)
    joins = models.BooleanField(default=True, help_text="Who is new becomes a member.")
    role = models.CharField(max_length=6, choices=Role, default=Role.VIEWER)
    second_there = models.BooleanField(
        default=False, help_text="It asks for a second factor itself."
    )
    hours = models.PositiveSmallIntegerField(default=12, help_text="A session's, at the longest.")
    break_glass = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    tested_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_identity_provider")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def stage(self) -> str:
        """Return `off`, `tested`, `on` or `required`."""
        return "tested" if self.state == self.State.OFF and self.tested_at else self.state


class ProviderLink(models.Model):
    """Whom the provider's subject is here; kept when the address changes there."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_link"
    )
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_a_subject")
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class EmailDomain(models.Model):
    """A domain whose addresses the provider may speak for, once its DNS shows the token."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=253, unique=True)  # in lower case, as DNS has it
    token = models.CharField(max_length=64)
    added_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True)
    missing_since = models.DateTimeField(
        null=True, help_text="When a nightly look found the record gone."
    )

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def joins_until(self) -> datetime | None:
        """When addresses of the domain stop joining by themselves; None while the record stands."""
        return self.missing_since + GRACE if self.missing_since else None

    @property
    def joins(self) -> bool:
        """Whether who is new may still join by an address of the domain."""
        return self.joins_until is None or self.joins_until > timezone.now()
