"""Models, routes, tiers, guardrails, profiles and decisions."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies: ClassVar = [
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name='Model',
            fields=[
                ('model_id', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('context_window', models.PositiveIntegerField(help_text='Tokens it can read.')),
                ('max_output', models.PositiveIntegerField(help_text='Tokens it can write; 0 for embeddings.')),
                ('dimensions', models.PositiveIntegerField(blank=True, help_text='Length of the vectors asked of an embedding model.', null=True)),
                ('letters_per_token', models.DecimalField(decimal_places=2, help_text='ASCII letters and spaces that one token holds at the least; every other byte is reckoned as a token of its own. Reservations rest on it.', max_digits=4)),
                ('cache_minimum', models.PositiveIntegerField(blank=True, help_text='Fewest tokens of a cacheable prefix; empty: no caching.', null=True)),
                ('supports_tools', models.BooleanField(default=False)),
                ('supports_translate', models.BooleanField(default=False)),
                ('supports_tone', models.BooleanField(default=False, verbose_name='Changes tone')),
            ],
            options={
                'ordering': ['model_id'],
            },
        ),
        migrations.CreateModel(
            name='Tier',
            fields=[
                ('plan', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('profiles', models.CharField(choices=[('plan', 'One for the plan'), ('tenant', 'One for each tenant')], default='plan', max_length=10)),
            ],
            options={
                'ordering': ['plan'],
            },
        ),
        migrations.CreateModel(
            name='FailedAttempt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('request_id', models.UUIDField()),
                ('reservation_id', models.UUIDField()),
                ('attempt', models.PositiveSmallIntegerField()),
                ('kind', models.CharField(max_length=20)),
                ('aws_code', models.CharField(max_length=80)),
                ('billed', models.BooleanField(help_text='It may have been billed: an estimate is in the ledger.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['tenant_id', 'request_id'], name='failures_of_request')],
            },
        ),
        migrations.CreateModel(
            name='Guardrail',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('posture', models.CharField(max_length=20)),
                ('region', models.CharField(max_length=20)),
                ('guardrail_id', models.CharField(max_length=40)),
                ('arn', models.CharField(max_length=200)),
                ('version', models.CharField(max_length=8)),
                ('stream_mode', models.CharField(default='sync', max_length=5)),
                ('definition', models.JSONField(help_text='What was sent to create this version.')),
                ('fingerprint', models.CharField(help_text='SHA-256 of the definition.', max_length=64)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['posture', 'region'],
                'constraints': [models.UniqueConstraint(fields=('posture', 'region'), name='one_guardrail_a_posture')],
            },
        ),
        migrations.CreateModel(
            name='PolicyDecision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('request_id', models.UUIDField()),
                ('call', models.PositiveIntegerField()),
                ('reservation_id', models.UUIDField(unique=True)),
                ('feature', models.CharField(max_length=40)),
                ('user_id', models.UUIDField(null=True)),
                ('api_key_id', models.UUIDField(null=True)),
                ('region', models.CharField(max_length=20)),
                ('operation', models.CharField(max_length=20)),
                ('role', models.CharField(blank=True, max_length=20)),
                ('model_id', models.CharField(blank=True, max_length=100)),
                ('profile_arn', models.CharField(blank=True, max_length=200)),
                ('guardrail_id', models.CharField(blank=True, max_length=40)),
                ('guardrail_version', models.CharField(blank=True, max_length=8)),
                ('stream_mode', models.CharField(blank=True, max_length=5)),
                ('max_tokens', models.PositiveIntegerField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['tenant_id', 'request_id'], name='decisions_of_request'), models.Index(fields=['created_at'], name='decisions_newest')],
            },
        ),
        migrations.CreateModel(
            name='InferenceProfile',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('region', models.CharField(max_length=20)),
                ('role', models.CharField(choices=[('small', 'Small'), ('frontier', 'Frontier'), ('embedding', 'Embedding')], max_length=20)),
                ('plan', models.CharField(max_length=40)),
                ('tenant_id', models.UUIDField(blank=True, null=True)),
                ('name', models.CharField(max_length=64)),
                ('arn', models.CharField(max_length=200, unique=True)),
                ('source', models.CharField(help_text='The ARN that it was copied from.', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='profiles', to='bedrock.model')),
            ],
            options={
                'ordering': ['region', 'plan', 'role'],
                'constraints': [models.UniqueConstraint(fields=('region', 'plan', 'role', 'tenant_id'), name='one_profile_a_role', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='ModelRoute',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('small', 'Small'), ('frontier', 'Frontier'), ('embedding', 'Embedding')], max_length=20)),
                ('geography', models.CharField(help_text='First part of the Regions: us, eu…', max_length=10)),
                ('source', models.CharField(blank=True, max_length=120)),
                ('starts_on', models.DateField()),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='routes', to='bedrock.model')),
            ],
            options={
                'ordering': ['geography', 'role', '-starts_on'],
                'constraints': [models.UniqueConstraint(fields=('role', 'geography', 'starts_on'), name='one_route_a_day')],
            },
        ),
    ]
