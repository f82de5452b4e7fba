"""What a request has used, as a function: it sees what a settlement in the same statement wrote."""

from typing import ClassVar

from django.db import migrations

USED = """
CREATE FUNCTION billing_used(p_tenant uuid, p_request uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(unit, quantity), '{}'::jsonb)
                   || jsonb_build_object('cost_usd', trim_scale(coalesce(sum(usd), 0))::text)
              FROM (SELECT unit, sum(quantity) AS quantity, sum(usd) AS usd
                      FROM public.billing_ledgerentry
                     WHERE tenant_id = p_tenant AND request_id = p_request GROUP BY unit) AS sums);
END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0021_fewer_steps")]
    operations: ClassVar = [migrations.RunSQL(USED, "DROP FUNCTION billing_used")]
