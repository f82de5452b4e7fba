"""Staff: a workspace's move to another Region, asked for with what it does shown first."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Count, Sum

from bedrock import regionmoves
from search.regionasking import (
    region_back_ask,
    region_back_check,
    region_move_ask,
    region_move_check,
    region_targets,
)
from search.vectormodels import sources_of_others
from tenants.context import Actor, entered
from tenants.objects import bucket
from tenants.registry.models import Tenant
from tenants.registry.staffsteps import Step

AFTER: Final = "admin:registry_regionmove_changelist"


def _told(row: Tenant, target: str) -> Sequence[str]:
    move = region_move_check(row, target)
    origin = move.origin if move else row.region
    begun = ["It goes on where it was stopped."] if move else []
    anew = _embedded_anew(row, target)
    return [
        *begun,
        f"Moved: every stored object (files, attachments, archives, logged calls) is copied from"
        f" {bucket(origin)} to {bucket(target)}, read back there and compared.",
        f"Made in {target}: what calls need there, its own inference profiles, and its own"
        " guardrail where it denies topics. From then on its models are called there, or elsewhere"
        " in its geography.",
        *anew,
        "Cut off: it stays suspended until the move is complete and somebody resumes it. Files that"
        " are half uploaded have to be uploaded again.",
        f"Emptied: once {target} has everything, its objects in {origin} with their earlier"
        " versions, its profiles, guardrail and Knowledge Base there are deleted for good. Until"
        " then the move can be given up.",
        "Stays: people, conversations, passages and vectors are in the database, which does not"
        f" move; the ledger keeps the Region that calls went to; the log of calls in {origin}"
        " expires by itself within days.",
    ]


def _embedded_anew(row: Tenant, target: str) -> Sequence[str]:
    """Say what of it has vectors of another model than the target embeds with."""
    model = regionmoves.embedding_model_of(target)
    if model is None:
        return ()
    with entered(row.context):
        others = sources_of_others(model.model_id).filter(live=True)
        found = others.aggregate(documents=Count("id"), passages=Sum("chunk_count"))
    if not found["documents"]:
        return ()
    return (
        f"Embedded anew: {target} embeds with {model.name}, and vectors of two models are never"
        f" compared. Once it is resumed, its {found['documents']:,} documents"
        f" ({found['passages']:,} passages) get new ones, by a batch job where it is worth one;"
        " until then each is found by its words alone. The tokens are the workspace's, as those of"
        " an upload, within what its plan and its limits allow; give it a credit where it is not"
        " to pay for them.",
    )


def _move(actor: Actor, row: Tenant, target: str) -> str:
    region_move_ask(row, target, actor=actor)
    return f"{row.slug} is to be moved to {target}; this list says how far it is."


def _back_told(row: Tenant, _choice: str) -> Sequence[str]:
    move = region_back_check(row)
    return [
        f"What was copied to {bucket(move.target)} and made in {move.target} for it is deleted.",
        f"In {move.origin} it is whole, as it was; it stays suspended until somebody resumes it.",
    ]


def _back(actor: Actor, row: Tenant, _choice: str) -> str:
    region_back_ask(row, actor=actor)
    return f"The move of {row.slug} is being given up; this list says how far that is."


REGION: Final = Step(
    "region", "Move to another Region", "region", _told, _move,
    choices=lambda rows: region_targets(rows[0]), typed=True, after=AFTER,
)  # fmt: skip
REGION_BACK: Final = Step(
    "region_back", "Give a move to another Region up", "region", _back_told, _back, after=AFTER
)
