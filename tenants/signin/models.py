"""How people prove who they are beyond the password, and the sessions that are open."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models


class Factor(models.Model):
    """A second factor of a user: an authenticator app, or a security key or passkey."""

    class Kind(models.TextChoices):
        APP = "app", "Authenticator app"
        KEY = "key", "Security key or passkey"

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
        OPTIONAL = "optional", "Nobody must"
        ADMINS = "admins", "Admins and owners"
        EVERYONE = "everyone", "Everyone"

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
    how = models.CharField(max_length=10, help_text="What was shown beside the password.")
    signed_in_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-seen_at"]

    def __str__(self) -> str:
        return self.device
