"""Find limits of which a threshold has been passed, in one statement. Runs under the ops login.

What has been said stands in a row whose key names workspace, month, limit, its amount and the
threshold, so two workers that look at once say it once. Of several thresholds that were passed
between two looks the highest is said; lower ones are passed by then.
"""

import json
from typing import Final
from uuid import UUID

from django.db import connection

from billing.alertmodels import THRESHOLDS
from billing.limitmodels import EVERYONE
from billing.storage import STANDING

TOLD_WITHIN: Final = "3 days"
"""A mail that could not be sent is tried again for so long."""

FIND: Final = f"""
    WITH month AS (
        SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date AS period
    ), standing AS (
        SELECT c.tenant_id, CASE c.metric WHEN 'storage_bytes' THEN 'storage' ELSE 'quota' END
               AS kind, c.metric, %(everyone)s::uuid AS user_id, c.used, l.included AS most
          FROM billing_quotacounter c
          JOIN registry_tenant t ON t.id = c.tenant_id
          JOIN billing_planlimit l ON l.plan_id = t.plan AND l.metric = c.metric, month
         WHERE c.period IN (month.period, '{STANDING}')
        UNION ALL
        SELECT c.tenant_id, own.kind, c.metric, %(everyone)s, c.used, own.most
          FROM billing_quotacounter c JOIN billing_spendcontrol s USING (tenant_id), month,
               LATERAL (VALUES ('cap', s.cap_usd), ('budget', s.budget_usd)) AS own (kind, most)
         WHERE c.period = month.period AND c.metric = 'spend_usd'
        UNION ALL
        SELECT m.tenant_id, 'allowance', m.metric, m.user_id, m.used,
               CASE m.metric WHEN 'spend_usd' THEN a.spend_usd ELSE a.model_tokens END
          FROM month JOIN billing_membercounter m USING (period)
          JOIN LATERAL (SELECT spend_usd, model_tokens FROM billing_allowance
                         WHERE tenant_id = m.tenant_id AND user_id IN (m.user_id, %(everyone)s)
                         ORDER BY user_id = m.user_id DESC LIMIT 1) a ON true
    ), passed AS (
        SELECT standing.*,
               (SELECT max(percent::int)
                  FROM jsonb_array_elements_text(
                       coalesce(chosen.thresholds -> kind, %(thresholds)s::jsonb)) AS percent
                 WHERE used * 100 >= most * percent::int) AS threshold
          FROM standing LEFT JOIN billing_alertsettings chosen USING (tenant_id)
         WHERE most > 0 AND used > 0
    )
    INSERT INTO billing_alert
           (id, tenant_id, kind, metric, user_id, period, threshold, used, most)
    SELECT gen_random_uuid(), p.tenant_id, p.kind, p.metric, p.user_id, month.period, p.threshold,
           p.used, p.most
      FROM passed p, month
     WHERE p.threshold IS NOT NULL AND NOT EXISTS (
           SELECT FROM billing_alert a
            WHERE (a.tenant_id, a.period, a.kind, a.metric, a.user_id, a.most)
                = (p.tenant_id, month.period, p.kind, p.metric, p.user_id, p.most)
              AND a.threshold >= p.threshold)
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - the only part that is put in is a constant
UNTOLD: Final = f"""
    SELECT tenant_id, id FROM billing_alert
     WHERE told_at IS NULL AND at > now() - interval '{TOLD_WITHIN}' ORDER BY at
"""  # noqa: S608 - as above


def alerts_find() -> list[tuple[UUID, UUID]]:
    """Record what was passed; return what is still to be told: tenant and alert."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"everyone": EVERYONE, "thresholds": json.dumps(THRESHOLDS)})
        cursor.execute(UNTOLD)
        return [(tenant, alert) for tenant, alert in cursor.fetchall()]
