"""Limits inside a workspace: a cap on its spend, allowances of members, their share of the rates.

Member counters are moved by `billing_admit` and `billing_settle` while a call is reserved; what was
used reaches them from the ledger itself, by its trigger (0010).
"""

from typing import Any, ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql

MONEY: Any = {"max_digits": 30, "decimal_places": 15}
SHARES = {"growth": 50, "enterprise": 25}  # of a plan's rates, for one member alone

OWN_LIMITS = """
DO $do$
DECLARE
    before text := pg_get_functiondef('public.billing_admit'::regproc);
    after text := replace(
        before,
        'IF cardinality(o_refused) > 0 THEN',
        'IF cardinality(o_refused) = 0 THEN
            o_refused := public.billing_beyond_own(
                p_tenant, o_month, p_user, p_metrics, p_amounts);
        END IF;
        IF cardinality(o_refused) > 0 THEN'
    );
BEGIN
    IF after = before THEN
        RAISE EXCEPTION 'billing_admit is not as this migration knows it';
    END IF;
    EXECUTE after;
END $do$
"""
# The counters of the workspace are locked and hold the call by now, so sums are exact.
BEYOND_OWN = """
CREATE FUNCTION billing_beyond_own(
    p_tenant uuid, p_month date, p_user uuid, p_metrics text[], p_amounts numeric[]
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    refused text[] := '{}';
BEGIN
    IF EXISTS (SELECT FROM public.billing_spendcontrol s
                 JOIN public.billing_quotacounter c
                   ON c.tenant_id = s.tenant_id AND c.period = p_month AND c.metric = 'spend_usd'
                WHERE s.tenant_id = p_tenant AND c.used + c.reserved > s.cap_usd) THEN
        RETURN '{cap}';
    END IF;
    IF p_user IS NULL THEN
        RETURN refused;
    END IF;
    WITH counted AS (
        INSERT INTO public.billing_membercounter AS c
               (tenant_id, user_id, period, metric, used, reserved)
        SELECT p_tenant, p_user, p_month, n.metric, 0, n.amount
          FROM unnest(p_metrics, p_amounts) AS n(metric, amount)
         WHERE n.metric IN ('model_tokens', 'spend_usd')
         ORDER BY n.metric
        ON CONFLICT (tenant_id, user_id, period, metric) DO UPDATE
           SET reserved = c.reserved + excluded.reserved
        RETURNING c.metric, c.used + c.reserved AS total
    ), allowed AS (
        -- A member's own row stands wholly for that of all members.
        SELECT model_tokens, spend_usd FROM public.billing_allowance
         WHERE tenant_id = p_tenant
           AND user_id IN (p_user, '00000000-0000-0000-0000-000000000000')
         ORDER BY user_id = p_user DESC LIMIT 1
    )
    SELECT coalesce(array_agg('member:' || metric ORDER BY metric), '{}') INTO refused
      FROM counted, allowed
     WHERE total > CASE metric WHEN 'spend_usd' THEN spend_usd ELSE model_tokens END;
    RETURN refused;
END $$
"""
FREE_OWN = """
DO $do$
DECLARE
    before text := pg_get_functiondef('public.billing_settle'::regproc);
    after text := replace(
        before,
        'IF ends OR (p_final AND kept.state = ''swept'') THEN',
        'IF ends AND p_user IS NOT NULL THEN
        UPDATE public.billing_membercounter AS c SET reserved = c.reserved - h.value::numeric
          FROM jsonb_each_text(kept.held) AS h
         WHERE c.tenant_id = p_tenant AND c.user_id = p_user AND c.period = p_month
           AND c.metric = h.key;
    END IF;
    IF ends OR (p_final AND kept.state = ''swept'') THEN'
    );
BEGIN
    IF after = before THEN
        RAISE EXCEPTION 'billing_settle is not as this migration knows it';
    END IF;
    EXECUTE after;
END $do$
"""
# What members hold reserved while this runs.
HELD = """
    INSERT INTO billing_membercounter (tenant_id, user_id, period, metric, used, reserved)
    SELECT r.tenant_id, r.user_id, r.month, h.key, 0, sum(h.value::numeric)
      FROM billing_reservation r, jsonb_each_text(r.held) AS h
     WHERE r.state = 'held' AND r.user_id IS NOT NULL AND h.key IN ('model_tokens', 'spend_usd')
     GROUP BY 1, 2, 3, 4
"""


def share(apps: Any, schema_editor: Any) -> None:
    plans = apps.get_model("billing", "Plan")
    for code, percent in SHARES.items():
        plans.objects.filter(code=code).update(member_percent=percent)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0008_aws_costs")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="plan",
            name="member_percent",
            field=models.PositiveSmallIntegerField(
                default=100,
                help_text="How much of these rates one member alone may take, in percent.",
            ),
        ),
        migrations.RunPython(share, migrations.RunPython.noop),
        migrations.CreateModel(
            name="MemberCounter",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "user_id",
                        "period",
                        "metric",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("user_id", models.UUIDField()),
                ("period", models.DateField()),
                ("metric", models.CharField(max_length=40)),
                ("used", models.DecimalField(default=0, **MONEY)),
                ("reserved", models.DecimalField(default=0, **MONEY)),
            ],
        ),
        migrations.CreateModel(
            name="Allowance",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "user_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("user_id", models.UUIDField()),
                ("model_tokens", models.DecimalField(null=True, **MONEY)),
                ("spend_usd", models.DecimalField(null=True, **MONEY)),
                ("set_by", models.UUIDField(null=True)),
                (
                    "set_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SpendControl",
            fields=[
                ("tenant_id", models.UUIDField(primary_key=True, serialize=False)),
                ("cap_usd", models.DecimalField(null=True, **MONEY)),
                ("budget_usd", models.DecimalField(null=True, **MONEY)),
                ("set_by", models.UUIDField(null=True)),
                (
                    "set_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                    ),
                ),
            ],
        ),
        migrations.RunSQL(tenant_rows_sql("billing_membercounter"), migrations.RunSQL.noop),
        migrations.RunSQL(
            tenant_rows_sql("billing_allowance", rights="SELECT, INSERT, UPDATE, DELETE"),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(tenant_rows_sql("billing_spendcontrol"), migrations.RunSQL.noop),
        migrations.RunSQL(BEYOND_OWN, "DROP FUNCTION billing_beyond_own"),
        migrations.RunSQL(OWN_LIMITS, migrations.RunSQL.noop),
        migrations.RunSQL(FREE_OWN, migrations.RunSQL.noop),
        migrations.RunSQL(HELD, migrations.RunSQL.noop),
    ]
