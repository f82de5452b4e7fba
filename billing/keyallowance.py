"""What one API key may cost a month, beside its user's allowance and the workspace's limits.

Asked only for calls by a key that has an allowance. Its calls are admitted one after another, so
that parallel ones cannot pass it together; open reservations count at their upper bound.
"""

from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from billing.money import money
from billing.refusals import number
from billing.units import Metric
from tenants.context import Actor, current
from tenants.errors import QuotaExhausted
from tenants.wording import day_month

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
        _(
            "This API key has used its own allowance: %(used)s of %(included)s this month,"
            " %(reserved)s reserved by its running requests, and this request may need %(needed)s."
            " It starts afresh on %(day)s (UTC); a key with a larger allowance can be made at once."
        )
        % {
            "used": money(used),
            "included": money(actor.allowance_usd),
            "reserved": money(reserved),
            "needed": money(needed),
            "day": day_month(resets),
        },
        upgrade_url=KEYS_URL,
        limit="key",
        metric=Metric.SPEND.value,
        used=number(used),
        reserved=number(reserved),
        included=number(actor.allowance_usd),
        needed=number(needed),
        resets_on=resets.isoformat(),
    )
