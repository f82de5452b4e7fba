"""What one API key may cost a month, beside its user's allowance and the workspace's limits.

Asked only for calls by a key that has an allowance. Its calls are admitted one after another, so
that parallel ones cannot pass it together; open reservations count at their upper bound.
"""

from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.refusals import money, number
from billing.units import Metric
from tenants.context import Actor, current
from tenants.errors import QuotaExhausted

KEYS_URL: Final = "/settings/keys/"
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"
SPENT: Final = """
    SELECT coalesce((SELECT sum(usd) FROM billing_usageday
                      WHERE tenant_id = %(tenant)s AND api_key_id = %(key)s
                        AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date), 0),
           coalesce((SELECT sum((held ->> %(metric)s)::numeric) FROM billing_reservation
                      WHERE tenant_id = %(tenant)s AND api_key_id = %(key)s AND state = 'held'), 0),
           (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month')::date
"""


def key_allowance_require(actor: Actor, needed: Decimal) -> None:
    """Refuse a call for which the key's allowance has no room. Raises QuotaExhausted.

    Call in the transaction that then reserves: the lock lasts until it ends.
    """
    if actor.allowance_usd is None:
        return
    asked: dict[str, Any] = {
        "tenant": current().id,
        "key": actor.api_key_id,
        "metric": Metric.SPEND.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"{current().id}:{actor.api_key_id}"])
        cursor.execute(SPENT, asked)
        used, reserved, resets = cursor.fetchone()
    if used + reserved + needed <= actor.allowance_usd:
        return
    raise QuotaExhausted(
        f"This API key has used its own allowance: {money(used)} of {money(actor.allowance_usd)}"
        f" this month, {money(reserved)} reserved by its running requests, and this request may"
        f" need {money(needed)}. It starts afresh on {resets:%-d %B} (UTC); a key with a larger"
        " allowance can be made at once.",
        upgrade_url=KEYS_URL,
        limit="key",
        metric=Metric.SPEND.value,
        used=number(used),
        reserved=number(reserved),
        included=number(actor.allowance_usd),
        needed=number(needed),
        resets_on=resets.isoformat(),
    )
