"""Admission and settlement in one round trip where they follow each other, and quicker roll-ups.

Both functions take the tenant's counter of spend first: who has it has all of the tenant's
counters, so that one transaction may settle a call and admit the next. A settlement's own rows, of
one call, are rolled up without looking through the ledger's other months; what brings rows of many
calls goes the way of before.
"""

from typing import ClassVar

from django.db import migrations

SETTLE = """
CREATE OR REPLACE FUNCTION billing_settle(
    p_id uuid, p_tenant uuid, p_month date, p_request uuid, p_attempt integer, p_swept integer,
    p_reversal integer, p_final boolean, p_resolved text, p_estimated boolean, p_model text,
    p_route text, p_region text, p_profile text, p_feature text, p_user uuid, p_key uuid,
    p_units text[], p_quantities bigint[], p_price_ids bigint[], p_price_usds numeric[],
    p_price_pers integer[], p_usds numeric[], p_metric_of jsonb
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept record;
    ends boolean;
    guessed public.billing_ledgerentry[];
BEGIN
    SELECT state, held INTO kept FROM public.billing_reservation
     WHERE id = p_id AND tenant_id = p_tenant FOR UPDATE;
    ends := p_final AND kept.state = 'held';
    IF kept.state = 'trued' OR (p_resolved = 'released' AND NOT coalesce(ends, false)) THEN
        RETURN kept.state;
    END IF;
    IF p_final AND kept.state = 'swept' THEN
        -- What the sweeper had estimated is taken back when the truth arrives.
        SELECT array_agg(e) INTO guessed FROM public.billing_ledgerentry e
         WHERE tenant_id = p_tenant AND month = p_month AND request_id = p_request
           AND attempt = p_swept;
    END IF;

    WITH written AS (
        INSERT INTO public.billing_ledgerentry
               (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
                route, region, profile_arn, feature, user_id, api_key_id, reservation_id,
                price_id, price_usd, price_per, usd)
        SELECT gen_random_uuid(), p_tenant, p_month, p_request, p_attempt, n.unit, n.quantity,
               'usage', p_estimated, p_model, p_route, p_region, p_profile, p_feature, p_user,
               p_key, p_id, n.price_id, n.price_usd, n.price_per, n.usd
          FROM unnest(p_units, p_quantities, p_price_ids, p_price_usds, p_price_pers, p_usds)
               AS n(unit, quantity, price_id, price_usd, price_per, usd)
        UNION ALL
        SELECT gen_random_uuid(), tenant_id, month, request_id, p_reversal, unit, -quantity,
               'correction', true, model, route, region, profile_arn, feature, user_id,
               api_key_id, reservation_id, price_id, price_usd, price_per, -usd
          FROM unnest(guessed)
        ON CONFLICT DO NOTHING
        RETURNING unit, quantity, usd
    ), moved AS (
        SELECT p_metric_of ->> w.unit AS metric, w.quantity::numeric AS used, 0::numeric AS freed
          FROM written w WHERE p_metric_of ? w.unit
        UNION ALL
        SELECT 'spend_usd', coalesce(w.usd, 0), 0 FROM written w
        UNION ALL
        SELECT h.key, 0, h.value::numeric FROM jsonb_each_text(kept.held) AS h WHERE ends
    )
    INSERT INTO public.billing_quotacounter AS c (tenant_id, period, metric, used, reserved)
    SELECT p_tenant, p_month, metric, sum(used), -sum(freed)
      FROM moved GROUP BY metric ORDER BY metric <> 'spend_usd', metric
    ON CONFLICT (tenant_id, period, metric) DO UPDATE
       SET used = c.used + excluded.used, reserved = c.reserved + excluded.reserved;

    IF ends AND p_user IS NOT NULL THEN
        UPDATE public.billing_membercounter AS c SET reserved = c.reserved - h.value::numeric
          FROM jsonb_each_text(kept.held) AS h
         WHERE c.tenant_id = p_tenant AND c.user_id = p_user AND c.period = p_month
           AND c.metric = h.key;
    END IF;
    IF ends OR (p_final AND kept.state = 'swept') THEN
        UPDATE public.billing_reservation SET state = p_resolved, resolved_at = now()
         WHERE id = p_id AND tenant_id = p_tenant;
    END IF;
    RETURN kept.state;
END $$
"""

# The functions keep their texts but for the order in which counters are taken.
REORDER = """
DO $do$
DECLARE
    before text := pg_get_functiondef('public.{function}'::regproc);
    after text := replace(before, '{order}', '{instead}');
BEGIN
    IF after = before THEN
        RAISE EXCEPTION '{function} is not as this migration knows it';
    END IF;
    EXECUTE after;
END $do$
"""
ADMIT = REORDER.format(
    function="billing_admit",
    order="ORDER BY n.metric",
    instead="ORDER BY n.metric <> ''spend_usd'', n.metric",
)
TRUE_UP = REORDER.format(
    function="billing_true_up",
    order="GROUP BY metric ORDER BY metric",
    instead="GROUP BY metric ORDER BY metric <> ''spend_usd'', metric",
)

# Before the general way of 0010: all rows are of one request, feature, model and moment.
ONE_CALL = """
DO $do$
DECLARE
    before text := pg_get_functiondef('public.billing_roll_up'::regproc);
    after text := replace(before, 'BEGIN', $new$
DECLARE
    one record;
    fresh_rows integer;
    same_feature integer;
    same_model integer;
BEGIN
    SELECT * INTO one FROM added LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE
           (tenant_id, month, request_id, feature, model, created_at, user_id, api_key_id)
           IS NOT DISTINCT FROM (one.tenant_id, one.month, one.request_id, one.feature, one.model,
                                 one.created_at, one.user_id, one.api_key_id))
      INTO fresh_rows, same_feature FROM added;
    IF fresh_rows = same_feature THEN
        SELECT count(*) FILTER (WHERE feature = one.feature),
               count(*) FILTER (WHERE model = one.model)
          INTO same_feature, same_model FROM billing_ledgerentry
         WHERE tenant_id = one.tenant_id AND request_id = one.request_id AND month = one.month;
        INSERT INTO billing_usageday AS d
               (tenant_id, month, day, feature, user_id, api_key_id, model, unit, price_usd,
                price_per, quantity, usd, unpriced, estimated, requests, model_requests)
        SELECT one.tenant_id, one.month,
               least((one.created_at AT TIME ZONE 'UTC')::date,
                     (one.month + interval '1 month - 1 day')::date),
               one.feature, coalesce(one.user_id, '00000000-0000-0000-0000-000000000000'),
               coalesce(one.api_key_id, '00000000-0000-0000-0000-000000000000'), one.model,
               n.unit, n.price_usd, n.price_per, n.quantity, n.usd, n.unpriced, n.estimated,
               CASE WHEN n.number = 1 AND same_feature = fresh_rows THEN 1 ELSE 0 END,
               CASE WHEN n.number = 1 AND same_model = fresh_rows THEN 1 ELSE 0 END
          FROM (SELECT a.unit, coalesce(a.price_usd, -1) AS price_usd,
                       coalesce(a.price_per, 0) AS price_per, sum(a.quantity) AS quantity,
                       sum(coalesce(a.usd, 0)) AS usd,
                       coalesce(sum(a.quantity) FILTER (WHERE a.usd IS NULL), 0) AS unpriced,
                       coalesce(sum(a.quantity) FILTER (WHERE a.estimated), 0) AS estimated,
                       row_number() OVER (ORDER BY min(a.attempt), a.unit) AS number
                  FROM added a GROUP BY 1, 2, 3) AS n
         ORDER BY n.unit, n.price_usd, n.price_per
        ON CONFLICT (tenant_id, month, day, feature, user_id, api_key_id, model, unit, price_usd,
                     price_per)
        DO UPDATE SET quantity = d.quantity + excluded.quantity, usd = d.usd + excluded.usd,
               unpriced = d.unpriced + excluded.unpriced,
               estimated = d.estimated + excluded.estimated,
               requests = d.requests + excluded.requests,
               model_requests = d.model_requests + excluded.model_requests;
        INSERT INTO billing_usagehour AS h (tenant_id, month, hour, requests, tokens, usd)
        SELECT one.tenant_id, one.month, date_trunc('hour', one.created_at, 'UTC'),
               CASE WHEN same_feature = fresh_rows THEN 1 ELSE 0 END,
               coalesce(sum(a.quantity) FILTER (WHERE a.unit LIKE '%\\_tokens'), 0),
               sum(coalesce(a.usd, 0))
          FROM added a WHERE a.unit NOT IN ('storage_byte_days', 'seats')
        HAVING count(*) > 0
        ON CONFLICT (tenant_id, month, hour)
        DO UPDATE SET requests = h.requests + excluded.requests,
               tokens = h.tokens + excluded.tokens, usd = h.usd + excluded.usd;
        IF one.user_id IS NOT NULL THEN
            INSERT INTO billing_membercounter AS c
                   (tenant_id, user_id, period, metric, used, reserved)
            SELECT one.tenant_id, one.user_id, one.month, m.metric, m.used, 0
              FROM (SELECT sum(a.quantity) FILTER (WHERE a.unit LIKE '%\\_tokens'
                               AND a.unit NOT IN ('embedding_tokens', 'batch_embedding_tokens'))
                           AS tokens, sum(coalesce(a.usd, 0)) AS spent FROM added a) AS s,
                   LATERAL (VALUES ('model_tokens', s.tokens), ('spend_usd', s.spent))
                   AS m(metric, used)
             WHERE m.used IS NOT NULL ORDER BY m.metric
            ON CONFLICT (tenant_id, user_id, period, metric)
            DO UPDATE SET used = c.used + excluded.used;
        END IF;
        RETURN NULL;
    END IF;
$new$);
BEGIN
    IF after = before THEN
        RAISE EXCEPTION 'billing_roll_up is not as this migration knows it';
    END IF;
    EXECUTE after;
END $do$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0017_alert_events")]
    operations: ClassVar = [
        migrations.RunSQL(SETTLE, migrations.RunSQL.noop),
        migrations.RunSQL(ADMIT, migrations.RunSQL.noop),
        migrations.RunSQL(TRUE_UP, migrations.RunSQL.noop),
        migrations.RunSQL(ONE_CALL, migrations.RunSQL.noop),
    ]
