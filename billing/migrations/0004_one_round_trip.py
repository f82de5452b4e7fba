"""Admission and settlement as functions: one round trip each, and locks held no longer than that.

They run with the caller's rights, so row-level security holds inside them. Each of their statements
sees what was committed while it waited for a lock.
"""

from django.db import migrations

ADMIT = """
CREATE FUNCTION billing_admit(
    p_id uuid, p_tenant uuid, p_request uuid, p_feature text, p_user uuid, p_key uuid, p_model text,
    p_estimate jsonb, p_held jsonb, p_metrics text[], p_amounts numeric[], p_included numeric[],
    OUT o_month date, OUT o_day date, OUT o_call integer, OUT o_refused text[]
) LANGUAGE plpgsql AS $$
DECLARE
    room text[];
BEGIN
    -- The database's clock alone decides the period.
    o_month := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    o_day := (now() AT TIME ZONE 'UTC')::date;
    BEGIN
        -- A row comes back for each metric that has room. They are locked in one order, so that two
        -- admissions cannot wait for each other.
        WITH charged AS (
            INSERT INTO public.billing_quotacounter AS c
                   (tenant_id, period, metric, used, reserved, included)
            SELECT p_tenant, o_month, n.metric, 0, n.amount, n.included
              FROM unnest(p_metrics, p_amounts, p_included) AS n(metric, amount, included)
             WHERE n.included IS NULL OR n.amount <= n.included
             ORDER BY n.metric
            ON CONFLICT (tenant_id, period, metric) DO UPDATE
               SET reserved = c.reserved + excluded.reserved, included = excluded.included
             WHERE excluded.included IS NULL
                OR c.used + c.reserved + excluded.reserved <= excluded.included
            RETURNING c.metric
        )
        SELECT array_agg(charged.metric) INTO room FROM charged;
        o_refused := ARRAY(SELECT m FROM unnest(p_metrics) AS m
                            WHERE m <> ALL (coalesce(room, '{}')));
        IF cardinality(o_refused) > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'TN001';  -- undoes what had room
        END IF;
    EXCEPTION WHEN SQLSTATE 'TN001' THEN
        RETURN;
    END;
    -- The tenant's counters are locked by now, so no number can be taken twice.
    SELECT coalesce(max(call), 0) + 1 INTO o_call FROM public.billing_reservation
     WHERE tenant_id = p_tenant AND request_id = p_request AND month = o_month;
    INSERT INTO public.billing_reservation
           (id, tenant_id, month, request_id, call, feature, user_id, api_key_id, model, estimate,
            held, state, created_at)
    VALUES (p_id, p_tenant, o_month, p_request, o_call, p_feature, p_user, p_key, p_model,
            p_estimate, p_held, 'held', now());
END $$
"""

SETTLE = """
CREATE FUNCTION billing_settle(
    p_id uuid, p_tenant uuid, p_month date, p_request uuid, p_attempt integer, p_swept integer,
    p_reversal integer, p_final boolean, p_resolved text, p_estimated boolean, p_model text,
    p_route text, p_region text, p_profile text, p_feature text, p_user uuid, p_key uuid,
    p_units text[], p_quantities bigint[], p_price_ids bigint[], p_price_usds numeric[],
    p_price_pers integer[], p_usds numeric[], p_metric_of jsonb
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept record;
    ends boolean;
BEGIN
    SELECT state, held INTO kept FROM public.billing_reservation
     WHERE id = p_id AND tenant_id = p_tenant FOR UPDATE;
    ends := p_final AND kept.state = 'held';
    IF p_resolved = 'released' AND NOT coalesce(ends, false) THEN
        RETURN kept.state;
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
        ON CONFLICT DO NOTHING
        RETURNING unit, quantity, usd
    ), reversed AS (
        -- What the sweeper had estimated is taken back when the truth arrives.
        INSERT INTO public.billing_ledgerentry
               (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
                route, region, profile_arn, feature, user_id, api_key_id, reservation_id,
                price_id, price_usd, price_per, usd)
        SELECT gen_random_uuid(), tenant_id, month, request_id, p_reversal, unit, -quantity,
               'correction', true, model, route, region, profile_arn, feature, user_id,
               api_key_id, reservation_id, price_id, price_usd, price_per, -usd
          FROM public.billing_ledgerentry
         WHERE p_final AND kept.state = 'swept'
           AND tenant_id = p_tenant AND month = p_month AND request_id = p_request
           AND attempt = p_swept
        ON CONFLICT DO NOTHING
        RETURNING unit, quantity, usd
    ), entries AS (
        SELECT * FROM written UNION ALL SELECT * FROM reversed
    ), moved AS (
        SELECT p_metric_of ->> e.unit AS metric, e.quantity::numeric AS used, 0::numeric AS freed
          FROM entries e WHERE p_metric_of ? e.unit
        UNION ALL
        SELECT 'spend_usd', coalesce(e.usd, 0), 0 FROM entries e
        UNION ALL
        SELECT h.key, 0, h.value::numeric FROM jsonb_each_text(kept.held) AS h WHERE ends
    )
    INSERT INTO public.billing_quotacounter AS c (tenant_id, period, metric, used, reserved)
    SELECT p_tenant, p_month, metric, sum(used), -sum(freed)
      FROM moved GROUP BY metric ORDER BY metric
    ON CONFLICT (tenant_id, period, metric) DO UPDATE
       SET used = c.used + excluded.used, reserved = c.reserved + excluded.reserved;

    IF ends OR (p_final AND kept.state = 'swept') THEN
        UPDATE public.billing_reservation SET state = p_resolved, resolved_at = now()
         WHERE id = p_id AND tenant_id = p_tenant;
    END IF;
    RETURN kept.state;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_first_rates")]
    operations = [
        migrations.RunSQL(ADMIT, "DROP FUNCTION billing_admit"),
        migrations.RunSQL(SETTLE, "DROP FUNCTION billing_settle"),
    ]
