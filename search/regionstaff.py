"""Staff: a workspace's move to another Region, asked for with what it does shown first."""

from collections.abc import Sequence
from typing import Final

from search.regionasking import (
    region_back_ask,
    region_back_check,
    region_move_ask,
    region_move_check,
    region_targets,
)
from tenants.context import Actor
from tenants.objects import bucket
from tenants.registry.models import Tenant
from tenants.registry.staffsteps import Step

AFTER: Final = "admin:registry_regionmove_changelist"


def _told(row: Tenant, target: str) -> Sequence[str]:
    move = region_move_check(row, target)
    origin = move.origin if move else row.region
    begun = ["It goes on where it was stopped."] if move else []
    return [
        *begun,
        f"Moved: every stored object (files, attachments, archives, logged calls) is copied from"
        f" {bucket(origin)} to {bucket(target)}, read back there and compared.",
        f"Made in {target}: what calls need there, its own inference profiles, and its own"
        " guardrail where it denies topics. From then on its models are called there, or elsewhere"
        " in its geography.",
        "Cut off: it stays suspended until the move is complete and somebody resumes it. Files that"
        " are half uploaded have to be uploaded again.",
        f"Emptied: once {target} has everything, its objects in {origin} with their earlier"
        " versions, its profiles, guardrail and Knowledge Base there are deleted for good. Until"
        " then the move can be given up.",
        "Stays: people, conversations, passages and vectors are in the database, which does not"
        f" move; the ledger keeps the Region that calls went to; the log of calls in {origin}"
        " expires by itself within days.",
    ]


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
