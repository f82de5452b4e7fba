"""What was read of AWS's invocation logs: objects, calls, and what does not fit the ledger.

Everything stands in `public` and is written under the ops login; staff read it. A call's content is
not here: it lies under its tenant's own prefix, see `bedrock/invocations.py`.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class LogObject(models.Model):
    """One delivered file. A file that comes again with other content is read again."""

    class State(models.TextChoices):
        READ = "read", _("Read")
        WAITING = "waiting", _("Waits for a body that AWS delivers later")
        BROKEN = "broken", _("Cut short or not readable")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    region = models.CharField(max_length=20)
    key = models.CharField(max_length=1024)
    etag = models.CharField(max_length=80)
    size = models.PositiveBigIntegerField()
    state = models.CharField(max_length=10, choices=State)
    records = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0, help_text="Records known already.")
    first_seen = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-first_seen"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["region", "key"], name="one_row_a_log_object"),
        ]

    def __str__(self) -> str:
        return self.key


class LoggedCall(models.Model):
    """One attempt as AWS logged it, under AWS's own request id: a record that comes twice is one.

    `attempt` is the ledger's: call × 100 + attempt. `units` holds what it used, by the ledger's
    units; an attempt that failed used nothing. `tenant_id` is empty where the identity that signed
    is no tenant's session, or not that of the tenant that the stamp names.
    """

    class State(models.TextChoices):
        NEW = "new", _("Not matched yet")
        MATCHED = "matched", _("As in the ledger")
        TRUED = "trued", _("Its estimate was replaced")
        DIFFERS = "differs", _("Other than in the ledger")
        UNKNOWN = "unknown", _("Not in the ledger")

    aws_request_id = models.CharField(primary_key=True, max_length=80)
    region = models.CharField(max_length=20)
    at = models.DateTimeField()
    operation = models.CharField(max_length=40)
    model_id = models.CharField(max_length=300)
    identity = models.CharField(max_length=300)
    tenant_id = models.UUIDField(null=True)
    request_id = models.UUIDField(null=True)
    reservation_id = models.UUIDField(null=True)
    attempt = models.PositiveIntegerField(null=True)
    feature = models.CharField(max_length=40, blank=True)
    error_code = models.CharField(max_length=80, blank=True)
    units = models.JSONField()
    guarded = models.BooleanField(help_text="The record tells the guardrail's units too.")
    log_key = models.CharField(max_length=1024)
    content_key = models.CharField(
        max_length=1024, help_text="Where its content is kept, until the retention is over."
    )
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["reservation_id"], name="logged_calls_of_call"),
            models.Index(fields=["tenant_id", "request_id"], name="logged_calls_of_request"),
            models.Index(fields=["at"], name="logged_calls_newest"),
            models.Index(
                fields=["region", "read_at"],
                condition=models.Q(state="new"),
                name="logged_calls_unmatched",
            ),
        ]

    def __str__(self) -> str:
        return self.aws_request_id


class LogFinding(models.Model):
    """Something about the log that a person should know; `subject` is what it is about."""

    class Kind(models.TextChoices):
        NOT_IN_LEDGER = "not_in_ledger", "Logged, but not in the ledger"
        NOT_LOGGED = "not_logged", "In the ledger, but not logged"
        NEVER_SENT = "never_sent", "An estimate was taken back: the call was never sent"
        DIFFERS = "differs", "Log and ledger count differently"
        UNBILLED = "unbilled", "Logged with usage, but released as free"
        FOREIGN = "foreign", "Not signed by the tenant that it names"
        BAD_RECORD = "bad_record", "A record cannot be read"
        BROKEN_FILE = "broken_file", "A file is cut short or not readable"
        BODY_MISSING = "body_missing", "A large body was never delivered"
        UNKNOWN_RESOURCE = "unknown_resource", "The bill names a resource that is not ours"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    subject = models.CharField(max_length=1100)
    region = models.CharField(max_length=20)
    tenant_id = models.UUIDField(null=True)
    request_id = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "subject"], name="one_finding_a_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class LogCursor(models.Model):
    """How far a Region's log has been read.

    Everything that had been delivered at `read_at` is in; `newest` is the newest call among it.
    There is no place to go on from: files come late and under earlier hours, so what lies in the
    bucket is what is left to read.
    """

    region = models.CharField(primary_key=True, max_length=20)
    read_at = models.DateTimeField(null=True)
    newest = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.region
