"""Admission, settlement and roll-ups in fewer statements each, and none of them planned anew.

The functions do what they did. What a settlement frees and resolves rides with its rows; an
admission finds its number while it is stored; days, hours and a member's sums are one statement.
Of the ledger's partitions only the one that is asked is opened: a plan that was made once finds it
as it runs, where a new one for every call cost more than the rest of the roll-up.
"""

from typing import ClassVar

from django.db import migrations

ADMIT = """
CREATE OR REPLACE FUNCTION billing_admit(
    p_id uuid, p_tenant uuid, p_request uuid, p_feature text, p_user uuid, p_key uuid, p_model text,
    p_estimate jsonb, p_held jsonb, p_metrics text[], p_amounts numeric[], p_included numeric[],
    OUT o_month date, OUT o_day date, OUT o_call integer, OUT o_refused text[]
) LANGUAGE plpgsql AS $$
BEGIN
    -- The database's clock alone decides the period.
    o_month := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    o_day := (now() AT TIME ZONE 'UTC')::date;
    BEGIN
        -- A row comes back for each metric that has room. They are locked in one order, spend
        -- first, so that two admissions cannot wait for each other.
        WITH charged AS (
            INSERT INTO public.billing_quotacounter AS c
                   (tenant_id, period, metric, used, reserved, included)
            SELECT p_tenant, o_month, n.metric, 0, n.amount, n.included
              FROM unnest(p_metrics, p_amounts, p_included) AS n(metric, amount, included)
             WHERE n.included IS NULL OR n.amount <= n.included
             ORDER BY n.metric <> 'spend_usd', n.metric
            ON CONFLICT (tenant_id, period, metric) DO UPDATE
               SET reserved = c.reserved + excluded.reserved, included = excluded.included
             WHERE excluded.included IS NULL
                OR c.used + c.reserved + excluded.reserved <= excluded.included
            RETURNING c.metric
        )
        SELECT ARRAY(SELECT m FROM unnest(p_metrics) AS m
                      WHERE m NOT IN (SELECT charged.metric FROM charged)) INTO o_refused;
        IF cardinality(o_refused) = 0 THEN
            o_refused := public.billing_beyond_own(p_tenant, o_month, p_user, p_metrics, p_amounts);
        END IF;
        IF cardinality(o_refused) > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'TN001';  -- undoes what had room
        END IF;
    EXCEPTION WHEN SQLSTATE 'TN001' THEN
        RETURN;
    END;
    -- The tenant's counters are locked by now, so no number can be taken twice.
    INSERT INTO public.billing_reservation
           (id, tenant_id, month, request_id, call, feature, user_id, api_key_id, model, estimate,
            held, state, created_at)
    VALUES (p_id, p_tenant, o_month, p_request,
            (SELECT coalesce(max(r.call), 0) + 1 FROM public.billing_reservation r
              WHERE r.tenant_id = p_tenant AND r.request_id = p_request AND r.month = o_month),
            p_feature, p_user, p_key, p_model, p_estimate, p_held, 'held', now())
    RETURNING call INTO o_call;
END $$
"""

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
    resolves boolean;
    guessed public.billing_ledgerentry[];
BEGIN
    SELECT state, held INTO kept FROM public.billing_reservation
     WHERE id = p_id AND tenant_id = p_tenant FOR UPDATE;
    ends := coalesce(p_final AND kept.state = 'held', false);
    resolves := ends OR coalesce(p_final AND kept.state = 'swept', false);
    IF kept.state = 'trued' OR (p_resolved = 'released' AND NOT ends) THEN
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
    ), freed AS (
        SELECT h.key AS metric, h.value::numeric AS amount
          FROM jsonb_each_text(kept.held) AS h WHERE ends
    ), moved AS (
        SELECT p_metric_of ->> w.unit AS metric, w.quantity::numeric AS used, 0::numeric AS freed
          FROM written w WHERE p_metric_of ? w.unit
        UNION ALL
        SELECT 'spend_usd', coalesce(w.usd, 0), 0 FROM written w
        UNION ALL
        SELECT f.metric, 0, f.amount FROM freed f
    ), own AS (
        UPDATE public.billing_membercounter AS c SET reserved = c.reserved - f.amount
          FROM freed f
         WHERE c.tenant_id = p_tenant AND c.user_id = p_user AND c.period = p_month
           AND c.metric = f.metric
    ), resolved AS (
        UPDATE public.billing_reservation SET state = p_resolved, resolved_at = now()
         WHERE id = p_id AND tenant_id = p_tenant AND resolves
    )
    INSERT INTO public.billing_quotacounter AS c (tenant_id, period, metric, used, reserved)
    SELECT p_tenant, p_month, metric, sum(used), -sum(freed)
      FROM moved GROUP BY metric ORDER BY metric <> 'spend_usd', metric
    ON CONFLICT (tenant_id, period, metric) DO UPDATE
       SET used = c.used + excluded.used, reserved = c.reserved + excluded.reserved;
    RETURN kept.state;
END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0020_group_allowances")]
    operations: ClassVar = [
        migrations.RunSQL(ADMIT, migrations.RunSQL.noop),
        migrations.RunSQL(SETTLE, migrations.RunSQL.noop),
        migrations.RunSQL(
            "ALTER FUNCTION billing_roll_up() SET plan_cache_mode = force_generic_plan",
            "ALTER FUNCTION billing_roll_up() RESET plan_cache_mode",
        ),
    ]
