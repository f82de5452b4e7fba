"""Truing an estimate up: the ledger's sum for a call is moved to what the provider logged.

`billing_true_up` appends corrections, so that the call's quantities come to those given; with the
same ones it changes nothing. What is trued up stays so: a settlement that comes later is ignored,
since the provider's own count is already in the ledger.
"""

from django.db import migrations, models

TRUE_UP = """
CREATE FUNCTION billing_true_up(
    p_reservation uuid, p_tenant uuid, p_first integer, p_model text, p_route text, p_region text,
    p_profile text, p_units text[], p_quantities bigint[], p_price_ids bigint[],
    p_price_usds numeric[], p_price_pers integer[], p_metric_of jsonb
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    kept record;
    number integer;
    changed integer;
BEGIN
    SELECT * INTO kept FROM public.billing_reservation
     WHERE id = p_reservation AND tenant_id = p_tenant FOR UPDATE;
    IF NOT FOUND OR kept.state NOT IN ('settled', 'swept', 'trued') THEN
        RETURN 0;
    END IF;
    SELECT coalesce(max(attempt), p_first + 50) + 1 INTO number FROM public.billing_ledgerentry
     WHERE tenant_id = p_tenant AND request_id = kept.request_id AND month = kept.month
       AND attempt BETWEEN p_first + 51 AND p_first + 97;
    IF number > p_first + 97 THEN
        RAISE EXCEPTION 'reservation % was trued up 47 times', p_reservation;
    END IF;

    WITH wanted AS (
        SELECT * FROM unnest(p_units, p_quantities, p_price_ids, p_price_usds, p_price_pers)
               AS n(unit, quantity, price_id, price_usd, price_per)
    ), booked AS (
        SELECT unit, sum(quantity)::bigint AS quantity FROM public.billing_ledgerentry
         WHERE tenant_id = p_tenant AND request_id = kept.request_id AND month = kept.month
           AND attempt BETWEEN p_first + 1 AND p_first + 99
         GROUP BY unit
    ), missing AS (
        SELECT w.*, w.quantity - coalesce(b.quantity, 0) AS difference
          FROM wanted w LEFT JOIN booked b USING (unit)
         WHERE w.quantity <> coalesce(b.quantity, 0)
    ), written AS (
        INSERT INTO public.billing_ledgerentry
               (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
                route, region, profile_arn, feature, user_id, api_key_id, reservation_id,
                price_id, price_usd, price_per, usd)
        SELECT gen_random_uuid(), p_tenant, kept.month, kept.request_id, number, unit, difference,
               'correction', false, p_model, p_route, p_region, p_profile, kept.feature,
               kept.user_id, kept.api_key_id, p_reservation, price_id, price_usd, price_per,
               price_usd * difference * (1::numeric / price_per)
          FROM missing
        RETURNING unit, quantity, usd
    ), moved AS (
        SELECT p_metric_of ->> unit AS metric, quantity::numeric AS used
          FROM written WHERE p_metric_of ? unit
        UNION ALL
        SELECT 'spend_usd', coalesce(usd, 0) FROM written
    ), counted AS (
        INSERT INTO public.billing_quotacounter AS c (tenant_id, period, metric, used, reserved)
        SELECT p_tenant, kept.month, metric, sum(used), 0 FROM moved GROUP BY metric ORDER BY metric
        ON CONFLICT (tenant_id, period, metric) DO UPDATE SET used = c.used + excluded.used
    )
    SELECT count(*) INTO changed FROM written;

    UPDATE public.billing_reservation SET state = 'trued', resolved_at = now()
     WHERE id = p_reservation AND tenant_id = p_tenant AND state <> 'trued';
    RETURN changed;
END $$
"""

# The settlement's function keeps its text but for one condition.
LEAVE_TRUED = """
DO $do$
DECLARE
    before text := pg_get_functiondef('public.billing_settle'::regproc);
    after text := replace(
        before,
        'IF p_resolved = ''released'' AND NOT coalesce(ends, false) THEN',
        'IF kept.state = ''trued''
            OR (p_resolved = ''released'' AND NOT coalesce(ends, false)) THEN'
    );
BEGIN
    IF after = before THEN
        RAISE EXCEPTION 'billing_settle is not as this migration knows it';
    END IF;
    EXECUTE after;
END $do$
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_one_round_trip")]
    operations = [
        migrations.AlterField(
            model_name="reservation",
            name="state",
            field=models.CharField(
                choices=[
                    ("held", "Held"),
                    ("settled", "Settled"),
                    ("released", "Released"),
                    ("swept", "Settled as an estimate"),
                    ("trued", "Settled from the provider's log"),
                ],
                default="held",
                max_length=10,
            ),
        ),
        migrations.RunSQL(TRUE_UP, "DROP FUNCTION billing_true_up"),
        migrations.RunSQL(LEAVE_TRUED, migrations.RunSQL.noop),
    ]
