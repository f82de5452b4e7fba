"""What was decided for each model call, and the attempts of it that brought no answer."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


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
    operation = models.CharField(max_length=40)
    role = models.CharField(max_length=20, blank=True)
    reason = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Why this role serves."
    )
    service_tier = models.CharField(max_length=10, blank=True, db_default="")
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
            models.Index(fields=["tenant_id", "request_id"], name="failures_of_request"),
            models.Index(fields=["created_at"], name="failures_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.aws_code} {self.request_id}"
