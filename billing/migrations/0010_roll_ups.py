"""Roll-ups of the ledger, by its own trigger: pages read days and hours, never ten million rows.

Whatever adds rows to the ledger, a settlement, a correction, a task, moves them in the same
statement; who serves requests may only read them. `requests` counts a request once within its
feature, `model_requests` once within its model, on the day of its first row.
"""

from typing import Any, ClassVar

from django.db import migrations, models

from tenants.backend.grants import tenant_rows_sql

MONEY: Any = {"max_digits": 30, "decimal_places": 15, "default": 0}

# A settlement has a few rows. The clauses that look for earlier rows of the request walk the
# ledger's key. Rows are upserted in the order of their keys: writers cannot wait in a circle.
ROLL_UP = """
    WITH fresh AS (
        SELECT *, least((created_at AT TIME ZONE 'UTC')::date,
                        (month + interval '1 month - 1 day')::date) AS day,
               coalesce(user_id, '00000000-0000-0000-0000-000000000000') AS who,
               coalesce(api_key_id, '00000000-0000-0000-0000-000000000000') AS key,
               row_number() OVER (PARTITION BY tenant_id, request_id, month, feature
                                  ORDER BY attempt, unit) AS in_feature,
               count(*) OVER (PARTITION BY tenant_id, request_id, month, feature) AS of_feature,
               row_number() OVER (PARTITION BY tenant_id, request_id, month, model
                                  ORDER BY attempt, unit) AS in_model,
               count(*) OVER (PARTITION BY tenant_id, request_id, month, model) AS of_model
          FROM {rows}
    ), counted AS (
        SELECT f.*,
               CASE WHEN in_feature = 1 AND of_feature = (
                   SELECT count(*) FROM billing_ledgerentry e
                    WHERE e.tenant_id = f.tenant_id AND e.request_id = f.request_id
                      AND e.month = f.month AND e.feature = f.feature) THEN 1 ELSE 0 END AS first,
               CASE WHEN in_model = 1 AND of_model = (
                   SELECT count(*) FROM billing_ledgerentry e
                    WHERE e.tenant_id = f.tenant_id AND e.request_id = f.request_id
                      AND e.month = f.month AND e.model = f.model) THEN 1 ELSE 0 END
                   AS first_of_model
          FROM fresh f
    ), days AS (
        INSERT INTO billing_usageday AS d
               (tenant_id, month, day, feature, user_id, api_key_id, model, unit, price_usd,
                price_per, quantity, usd, unpriced, estimated, requests, model_requests)
        SELECT tenant_id, month, day, feature, who, key, model, unit, coalesce(price_usd, -1),
               coalesce(price_per, 0), sum(quantity), sum(coalesce(usd, 0)),
               coalesce(sum(quantity) FILTER (WHERE usd IS NULL), 0),
               coalesce(sum(quantity) FILTER (WHERE estimated), 0),
               sum(first), sum(first_of_model)
          FROM counted GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
        ON CONFLICT (tenant_id, month, day, feature, user_id, api_key_id, model, unit, price_usd,
                     price_per)
        DO UPDATE SET quantity = d.quantity + excluded.quantity, usd = d.usd + excluded.usd,
               unpriced = d.unpriced + excluded.unpriced,
               estimated = d.estimated + excluded.estimated,
               requests = d.requests + excluded.requests,
               model_requests = d.model_requests + excluded.model_requests
    ), hours AS (
        INSERT INTO billing_usagehour AS h (tenant_id, month, hour, requests, tokens, usd)
        SELECT tenant_id, month, date_trunc('hour', created_at, 'UTC'), sum(first),
               coalesce(sum(quantity) FILTER (WHERE unit LIKE '%\\_tokens'), 0),
               sum(coalesce(usd, 0))
          FROM counted WHERE unit NOT IN ('storage_byte_days', 'seats')
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (tenant_id, month, hour)
        DO UPDATE SET requests = h.requests + excluded.requests,
               tokens = h.tokens + excluded.tokens, usd = h.usd + excluded.usd
    )
    INSERT INTO billing_membercounter AS c (tenant_id, user_id, period, metric, used, reserved)
    SELECT tenant_id, user_id, month, m.metric,
           sum(CASE m.metric WHEN 'spend_usd' THEN coalesce(usd, 0)
                             WHEN 'model_tokens' THEN quantity ELSE 0 END), 0
      FROM counted, (VALUES ('model_tokens'), ('spend_usd')) AS m(metric)
     WHERE user_id IS NOT NULL
       AND (m.metric = 'spend_usd'
            OR unit LIKE '%\\_tokens'
               AND unit NOT IN ('embedding_tokens', 'batch_embedding_tokens'))
     GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (tenant_id, user_id, period, metric) DO UPDATE SET used = c.used + excluded.used;
"""
COUNT = f"""
CREATE FUNCTION billing_roll_up() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
{ROLL_UP.format(rows="added")}
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION billing_roll_up() FROM PUBLIC;
CREATE TRIGGER billing_roll_up AFTER INSERT ON billing_ledgerentry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing_roll_up();
"""
# What the ledger holds already. Making the trigger has locked out writers until this commits.
CATCH_UP = ROLL_UP.format(rows="billing_ledgerentry")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0009_nested_limits")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "month",
                        "day",
                        "feature",
                        "user_id",
                        "api_key_id",
                        "model",
                        "unit",
                        "price_usd",
                        "price_per",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("month", models.DateField()),
                ("day", models.DateField()),
                ("feature", models.CharField(max_length=40)),
                ("user_id", models.UUIDField()),
                ("api_key_id", models.UUIDField()),
                ("model", models.CharField(max_length=120)),
                ("unit", models.CharField(max_length=40)),
                ("price_usd", models.DecimalField(max_digits=18, decimal_places=9)),
                ("price_per", models.PositiveIntegerField()),
                ("quantity", models.BigIntegerField()),
                ("usd", models.DecimalField(**MONEY)),
                ("unpriced", models.BigIntegerField(default=0)),
                ("estimated", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("model_requests", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="UsageHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "month",
                        "hour",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("month", models.DateField()),
                ("hour", models.DateTimeField()),
                ("requests", models.BigIntegerField(default=0)),
                ("tokens", models.BigIntegerField(default=0)),
                ("usd", models.DecimalField(**MONEY)),
            ],
        ),
        migrations.RunSQL(
            tenant_rows_sql("billing_usageday", rights="SELECT"), migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            tenant_rows_sql("billing_usagehour", rights="SELECT"), migrations.RunSQL.noop
        ),
        migrations.RunSQL(COUNT, "DROP FUNCTION billing_roll_up CASCADE"),
        migrations.RunSQL(CATCH_UP, migrations.RunSQL.noop),
    ]
