"""While the service throttles, each tenant repeats within its own share, and the others get on.

`STORM_SECONDS=600 pytest -n 0 -s tests/bedrock/test_storm.py` lets it last ten minutes: the loud
tenant asks from eight threads all the time, a second later where its plan says so, the quiet one
every two seconds. The suite sends one burst.
"""

import itertools
import os
import random
import threading
import time
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

SECONDS = float(os.environ.get("STORM_SECONDS", "0"))
LOUD, QUIET = (160, 30) if not SECONDS else (int(SECONDS * 40), int(SECONDS / 2))  # calls at most


def storm(localaws: LocalAws, region: str, calls: int, seed: int) -> None:
    """Throttle half of a Region's calls, in an order of chance."""
    picked = random.Random(seed)
    throttled = [picked.random() < 0.5 for _ in range(calls * 3)]
    for refused, run in itertools.groupby(throttled):
        met = {"error": {"code": "ThrottlingException"}} if refused else {"text": "Yes."}
        localaws.script(match={"region": region}, times=len(list(run)), **met)


def in_turn(tenant: TenantContext, calls: int, threads: int, pause: float) -> list[str]:
    """Ask from so many threads, `pause` seconds apart, for no longer than the storm lasts."""
    over = time.monotonic() + SECONDS if SECONDS else None
    paced = threading.Event()

    def one(_: int) -> str | None:
        if over and (time.monotonic() > over or paced.wait(pause)):
            return None
        outcome = asked(tenant)
        if over and outcome == "rate_limited":
            paced.wait(1)
        return outcome

    with ThreadPoolExecutor(threads) as pool:
        return [outcome for outcome in pool.map(one, range(calls)) if outcome]


def asked(tenant: TenantContext) -> str:
    try:
        with entered(tenant):
            gateway.converse(question("Is it so?", max_tokens=20))
    except (ModelThrottled, RateLimited) as error:
        return error.code
    finally:
        connection.close()
    return "answered"


@pytest.mark.timeout(300 + 2 * SECONDS)
@pytest.mark.django_db(transaction=True)
def test_a_storm_is_answered_out_of_each_tenants_own_share(
    request: pytest.FixtureRequest, localaws: LocalAws
) -> None:
    acme: TenantContext = request.getfixturevalue("acme")
    globex: TenantContext = request.getfixturevalue("globex")
    storm(localaws, acme.region, LOUD, seed=1)
    storm(localaws, globex.region, QUIET, seed=2)
    with ThreadPoolExecutor(1) as beside:
        loud = beside.submit(in_turn, acme, LOUD, 8, 0)
        quiet = in_turn(globex, QUIET, 1, 2)
        outcomes = loud.result()
    sent = localaws.counts("Converse")
    admitted = [outcome for outcome in outcomes + quiet if outcome != "rate_limited"]
    amplification = sum(sent.values()) / len(admitted)
    print(f"{len(outcomes)} + {len(quiet)} asked, {len(admitted)} admitted,"
          f" {sum(sent.values())} sent, {amplification:.2f} each;"
          f" the quiet tenant: {quiet.count('answered')} of {len(quiet)}")  # fmt: skip
    assert amplification <= 1.5, amplification
    assert quiet.count("answered") >= 0.95 * len(quiet), quiet
    assert outcomes.count("answered") >= 0.5 * (len(admitted) - len(quiet)), "the loud is served"
    assert "model_busy" in outcomes, "its share of repetitions ran out"
    for tenant in (acme, globex):
        failed = sent[tenant.region, "ThrottlingException"]
        with entered(tenant):
            assert FailedAttempt.objects.count() == failed, "every attempt is on record"
            assert LedgerEntry.objects.filter(estimated=True).count() == 0
            assert set(Reservation.objects.values_list("state", flat=True)) <= {
                "settled", "released",
            }  # fmt: skip
