"""When texts are embedded by a batch job and when by calls: the one place that decides.

A batch job costs half and may take a day at AWS; a call is answered at once. So batch is for bulk:
many documents at once, or many passages. The figures are rows, one a plan, that staff edit.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bedrock.embedding_formats import format_of
from bedrock.errors import NotProvisioned
from bedrock.models import BatchRule
from bedrock.policy import policy_of
from tenants.context import current

LEAST_RECORDS: Final = 100  # the service fails a job that has fewer
MOST_RECORDS: Final = 50_000  # in a job, and in a file


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits to be embedded for the entered tenant, the text that asks included.

    `announced`: the upload said that it is one of many.
    """

    documents: int
    passages: int
    announced: bool


def collects(pending: Pending) -> bool:
    """Say whether a text joins the collection for the next batch job, or is embedded at once."""
    rule = rule_of_plan()
    if rule is None:
        return False
    return (
        pending.announced
        or pending.documents >= rule.bulk_documents
        or pending.passages >= rule.bulk_passages
    )


def by_batch(passages: int) -> bool:
    """Say whether a closed collection makes a job; a smaller one is embedded by calls."""
    rule = rule_of_plan()
    return rule is not None and passages >= max(LEAST_RECORDS, rule.least_passages)


def again_by_batch(failed: int, *, times: int) -> bool:
    """Say whether what failed in a job joins a following one; few, or failed twice, by calls."""
    return times < 2 and by_batch(failed)


def closes(*, busy: bool, quiet: timedelta, open_for: timedelta) -> bool:
    """Say whether the collection is closed.

    Nothing is being read any more and the last text joined a while ago, or the first has waited
    long enough.
    """
    rule = rule_of_plan()
    if rule is None:
        return True
    calm = not busy and quiet >= timedelta(seconds=rule.quiet_seconds)
    return calm or open_for >= timedelta(seconds=rule.window_seconds)


def rule_of_plan() -> BatchRule | None:
    """Return the plan's rule, or None where plan or model has no batch.

    Provisioned throughput is paid by the hour: a job would be paid on top.
    """
    tenant = current()
    rule = BatchRule.objects.filter(plan=tenant.plan, allowed=True).first()
    if rule is None:
        return None
    policy = policy_of(tenant, "embedding")
    batch = format_of(policy.model.model_id).batch and not policy.provisioned
    return rule if batch else None


def collection_wait() -> float:
    """Return after how many seconds a collection that a text has just joined may be closed."""
    rule = rule_of_plan()
    return float(rule.quiet_seconds) if rule else 0.0


def bulk_documents() -> int | None:
    """Return how many documents at once are bulk for the entered tenant; None: there is no batch.

    Pages ask this, so a tenant whose models are not set up yet has none rather than an error.
    """
    try:
        rule = rule_of_plan()
    except NotProvisioned:
        return None
    return rule.bulk_documents if rule else None
