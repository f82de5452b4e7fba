"""Batch inference jobs, and each plan's rule when to make them."""

import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bedrock", "0006_invocation_log"),
    ]

    operations = [
        migrations.CreateModel(
            name="BatchRule",
            fields=[
                ("plan", models.CharField(max_length=40, primary_key=True, serialize=False)),
                (
                    "allowed",
                    models.BooleanField(
                        default=True, help_text="Off: every text is embedded by a call."
                    ),
                ),
                (
                    "bulk_documents",
                    models.PositiveIntegerField(
                        default=20, help_text="So many documents waiting at once are a bulk upload."
                    ),
                ),
                (
                    "bulk_passages",
                    models.PositiveIntegerField(
                        default=2000, help_text="So many passages waiting at once are one, too."
                    ),
                ),
                (
                    "least_passages",
                    models.PositiveIntegerField(
                        default=100,
                        help_text="Fewer than this are embedded by calls; the service needs 100.",
                    ),
                ),
                (
                    "quiet_seconds",
                    models.PositiveIntegerField(
                        default=5, help_text="A job begins when no document has joined for so long."
                    ),
                ),
                (
                    "window_seconds",
                    models.PositiveIntegerField(
                        default=300,
                        help_text="It begins at the latest when the first has waited so long.",
                    ),
                ),
                (
                    "poll_seconds",
                    models.PositiveIntegerField(
                        default=2,
                        help_text="First wait between two looks at a job; each 1.5 times longer.",
                    ),
                ),
                (
                    "poll_at_most",
                    models.PositiveIntegerField(
                        default=600, help_text="Longest wait between two looks, in seconds."
                    ),
                ),
            ],
            options={
                "ordering": ["plan"],
            },
        ),
        migrations.CreateModel(
            name="BatchJob",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("region", models.CharField(max_length=20)),
                ("feature", models.CharField(max_length=40)),
                ("user_id", models.UUIDField(null=True)),
                ("model_id", models.CharField(max_length=100)),
                ("price_model", models.CharField(max_length=120)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("written", "Input written"),
                            ("submitted", "Submitted"),
                            ("ended", "Ended"),
                            ("settled", "Results taken"),
                            ("done", "Files removed"),
                        ],
                        default="planned",
                        max_length=10,
                    ),
                ),
                ("arn", models.CharField(blank=True, max_length=200)),
                ("aws_status", models.CharField(blank=True, max_length=20)),
                ("message", models.TextField(blank=True)),
                ("records", models.PositiveIntegerField(default=0)),
                ("processed", models.PositiveIntegerField(default=0)),
                ("succeeded", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("bound", models.PositiveBigIntegerField(default=0)),
                ("tokens", models.PositiveBigIntegerField(default=0)),
                ("stop_asked", models.BooleanField(default=False)),
                ("tries", models.PositiveIntegerField(default=0)),
                (
                    "next_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("claimed_until", models.DateTimeField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("submitted_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "done"), _negated=True),
                        fields=["tenant_id", "next_at"],
                        name="batch_jobs_open",
                    ),
                    models.Index(fields=["created_at"], name="batch_jobs_newest"),
                ],
            },
        ),
    ]
