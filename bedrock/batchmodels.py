"""Batch inference jobs, and when a plan's texts go into one."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class BatchRule(models.Model):
    """When a plan's texts are embedded by batch jobs; `bedrock/embedding_rule.py` reads it."""

    plan = models.CharField(primary_key=True, max_length=40)
    allowed = models.BooleanField(default=True, help_text="Off: every text is embedded by a call.")
    bulk_documents = models.PositiveIntegerField(
        default=20, help_text="So many documents waiting at once are a bulk upload."
    )
    bulk_passages = models.PositiveIntegerField(
        default=2000, help_text="So many passages waiting at once are one, too."
    )
    least_passages = models.PositiveIntegerField(
        default=100, help_text="Fewer than this are embedded by calls; the service needs 100."
    )
    quiet_seconds = models.PositiveIntegerField(
        default=5, help_text="A job begins when no document has joined for so long."
    )
    window_seconds = models.PositiveIntegerField(
        default=300, help_text="It begins at the latest when the first has waited so long."
    )
    poll_seconds = models.PositiveIntegerField(
        default=2, help_text="First wait between two looks at a job; each 1.5 times longer."
    )
    poll_at_most = models.PositiveIntegerField(
        default=600, help_text="Longest wait between two looks, in seconds."
    )

    class Meta:
        ordering: ClassVar = ["plan"]

    def __str__(self) -> str:
        return self.plan


class BatchJob(models.Model):
    """A batch inference job of one tenant, from the plan to the removal of its files.

    `state` is ours and names the last step that is lasting; `aws_status` is the service's. The id
    is also the request id in the ledger, the client's token and, in the name, what finds the job
    again in AWS. `bound` is the reserved upper bound in tokens, `tokens` what was counted.
    """

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        WRITTEN = "written", "Input written"
        SUBMITTED = "submitted", "Submitted"
        ENDED = "ended", "Ended"
        SETTLED = "settled", "Results taken"
        DONE = "done", "Files removed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    region = models.CharField(max_length=20)
    feature = models.CharField(max_length=40)
    user_id = models.UUIDField(null=True)
    model_id = models.CharField(max_length=100)
    price_model = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    arn = models.CharField(max_length=200, blank=True)
    aws_status = models.CharField(max_length=20, blank=True)
    message = models.TextField(blank=True)
    records = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    bound = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    stop_asked = models.BooleanField(default=False)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    submitted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(
                fields=["tenant_id", "next_at"],
                name="batch_jobs_open",
                condition=~models.Q(state="done"),
            ),
            models.Index(fields=["created_at"], name="batch_jobs_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.id}"
