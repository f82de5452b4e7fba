"""While the service throttles, each tenant repeats within its own share, and the others get on."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from bedrock import gateway
from bedrock.errors import ModelThrottled
from bedrock.models import FailedAttempt
from billing.models import LedgerEntry, Reservation
from tenants.context import TenantContext, entered
from tenants.errors import RateLimited
from tests.bedrock.asking import question
from tests.support.localaws import LocalAws

LOUD, QUIET = 160, 30  # calls


def storm(localaws: LocalAws, region: str, calls: int, seed: int) -> None:
    """Throttle half of a Region's calls, in an order of chance."""
    picked = random.Random(seed)
    for _ in range(calls * 3):
        error = {"error": {"code": "ThrottlingException"}} if picked.random() < 0.5 else {}
        localaws.script(match={"region": region}, **(error or {"text": "Yes."}))


def asked(tenant: TenantContext) -> str:
    try:
        with entered(tenant):
            gateway.converse(question("Is it so?", max_tokens=20))
    except (ModelThrottled, RateLimited) as error:
        return error.code
    finally:
        connection.close()
    return "answered"


@pytest.mark.django_db(transaction=True)
def test_a_storm_is_answered_out_of_each_tenants_own_share(
    request: pytest.FixtureRequest, localaws: LocalAws
) -> None:
    acme: TenantContext = request.getfixturevalue("acme")
    globex: TenantContext = request.getfixturevalue("globex")
    storm(localaws, acme.region, LOUD, seed=1)
    storm(localaws, globex.region, QUIET, seed=2)
    with ThreadPoolExecutor(8) as threads:
        loud = [threads.submit(asked, acme) for _ in range(LOUD)]
        quiet = [asked(globex) for _ in range(QUIET)]
        outcomes = [each.result() for each in loud]
    sent = localaws.requests("Converse")
    amplification = len(sent) / (LOUD + QUIET)
    print(f"{LOUD} + {QUIET} asked, {len(sent)} sent, {amplification:.2f} each;"
          f" the quiet tenant: {quiet.count('answered')} of {QUIET}")  # fmt: skip
    assert amplification <= 1.5, amplification
    assert quiet.count("answered") >= 0.95 * QUIET, quiet
    assert outcomes.count("answered") >= 0.5 * LOUD, "the loud tenant is served too"
    assert "model_busy" in outcomes, "its share of repetitions ran out"
    for tenant in (acme, globex):
        failed = sum(call["error"] == "ThrottlingException" for call in sent
                     if call["region"] == tenant.region)  # fmt: skip
        with entered(tenant):
            assert FailedAttempt.objects.count() == failed, "every attempt is on record"
            assert LedgerEntry.objects.filter(estimated=True).count() == 0
            assert set(Reservation.objects.values_list("state", flat=True)) <= {
                "settled", "released",
            }  # fmt: skip
