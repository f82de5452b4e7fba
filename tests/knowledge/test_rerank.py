"""The best passages are reranked where the plan has it; without an answer the order stays."""

from decimal import Decimal

import pytest

from bedrock import rerank
from bedrock.models import FailedAttempt, PolicyDecision, Reranker
from billing.models import LedgerEntry
from billing.units import Unit
from search.retrieval import retrieve
from tenants.context import SYSTEM, entered, public_scope
from tests.documents.helpers import HANDBOOK, ready
from tests.knowledge.test_targets import PRICES, outcome
from tests.support.cast import INES, UMA
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db

QUERY = "What does a crate of pears cost in the city?"


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    rerank._kept.clear()


def weighed(weight: str) -> None:
    with public_scope("staff"):
        Reranker.objects.filter(region="us-east-1").update(weight=Decimal(weight))
    rerank._kept.clear()


def test_one_metered_call_orders_the_best_passages(localaws: LocalAws) -> None:
    ready("travel.md", HANDBOOK, UMA)
    ready("prices.md", PRICES, UMA)
    weighed("0")
    as_fused = outcome(UMA, QUERY)
    weighed("1")
    localaws.reset()
    reranked = outcome(UMA, QUERY)
    assert sorted(reranked) == sorted(as_fused)
    (call,) = localaws.requests("Rerank")
    assert call["region"] == "us-east-1" and len(call["body"]["sources"]) <= 50
    given = call["body"]["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    arn = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
    assert given["modelConfiguration"]["modelArn"] == arn
    texts = [one["inlineDocumentSource"]["textDocument"]["text"] for one in call["body"]["sources"]]
    assert reranked[0][1] in "\n".join(texts) and "pears" in reranked[0][1]
    with entered(tenant_of(UMA)):
        decision = PolicyDecision.objects.filter(operation="Rerank").latest("created_at")
        assert (decision.model_id, decision.profile_arn) == ("cohere.rerank-v3-5:0", arn)
        row = LedgerEntry.objects.get(request_id=decision.request_id, unit=Unit.RERANK)
        assert (row.quantity, row.usd, row.estimated) == (1, Decimal("0.002"), False)


def test_without_an_answer_the_order_stays_and_the_attempts_are_kept(localaws: LocalAws) -> None:
    ready("travel.md", HANDBOOK, UMA)
    ready("prices.md", PRICES, UMA)
    weighed("0")
    as_fused = outcome(UMA, QUERY)
    weighed("1")
    localaws.script(
        match={"operation": "Rerank"},
        times=10,
        error={"code": "InternalServerException", "status": 500, "message": "Try again"},
    )
    assert outcome(UMA, QUERY) == as_fused
    with entered(tenant_of(UMA)):
        decision = PolicyDecision.objects.filter(operation="Rerank").latest("created_at")
        assert FailedAttempt.objects.filter(request_id=decision.request_id).exists()
        assert not LedgerEntry.objects.filter(
            request_id=decision.request_id, unit=Unit.RERANK
        ).exists()


def test_a_region_without_a_model_is_told_in_the_decision(localaws: LocalAws) -> None:
    ready("travel.md", HANDBOOK, UMA)
    ready("prices.md", PRICES, UMA)
    with public_scope("staff"):
        Reranker.objects.filter(region="us-east-1").delete()
    assert outcome(UMA, QUERY)
    assert not localaws.requests("Rerank")
    with entered(tenant_of(UMA)):
        decision = PolicyDecision.objects.filter(operation="Rerank").latest("created_at")
        assert decision.reason == "not reranked: us-east-1 offers no reranking model"


def test_a_plan_without_it_is_not_charged_for_it(localaws: LocalAws) -> None:
    from uuid import uuid4

    ready("travel.md", HANDBOOK, INES)
    ready("prices.md", PRICES, INES)
    with entered(tenant_of(INES)):
        assert retrieve(actor=SYSTEM, query=QUERY, request_id=uuid4())
    assert not localaws.requests("Rerank")
