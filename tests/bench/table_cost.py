"""P12: what models cost for a thousand questions, beside the naive pipeline, at the price table."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID, uuid4

from bedrock.gateway import embed
from billing.levers import savings
from billing.meters import database_now
from billing.models import LedgerEntry
from billing.money import money
from documents.ask import ask
from search.retrieval import EVERYTHING
from search.services import NewChunk, source_index, source_remove
from tenants.context import SYSTEM, current, entered
from tests.bench.stack import fill_buckets
from tests.bench.table import Table
from tests.support.cast import ALICE
from tests.support.clients import tenant_of

QUESTIONS = int(os.environ.get("BENCH_QUESTIONS", "1000"))
DOCUMENTS, PAGES, WORDS = 20, 10, 400  # words a page
PASSAGE = 200  # words
THINGS = (
    "budget", "contract", "supplier", "warehouse", "invoice", "shipment", "policy", "audit",
    "travel", "hotel", "insurance", "payroll", "training", "laptop", "visitor", "security",
)  # fmt: skip
FILLER = (
    "the committee reviewed the draft and asked each department to confirm in writing that its"
    " figures agree with those of the previous quarter before the report is released"
).split()


def run() -> Table:
    """Index the corpus, ask, and hold the ledger against the naive pipeline."""
    with entered(tenant_of(ALICE)):
        sources = [_indexed(number) for number in range(DOCUMENTS)]
        try:
            return _measured()
        finally:
            for source in sources:
                source_remove(source)


def _pages(number: int) -> Iterator[str]:
    picked = random.Random(number)
    for page in range(PAGES):
        fact = f"The limit of the {_thing(number, page)} is {number * 100 + page} dollars."
        words = [picked.choice(FILLER) for _ in range(WORDS)]
        place = picked.randrange(WORDS)
        yield " ".join([*words[:place], fact, *words[place:]])


def _thing(number: int, page: int) -> str:
    first, second = THINGS[number % len(THINGS)], THINGS[page % len(THINGS)]
    return f"{first} {second} {number}-{page}"


def _indexed(number: int) -> UUID:
    """Embed and index one document of ten pages, in one request as reading does."""
    source = uuid4()
    parts = [
        (page, " ".join(text.split()[start : start + PASSAGE]))
        for page, text in enumerate(_pages(number), start=1)
        for start in range(0, len(text.split()), PASSAGE)
    ]
    fill_buckets()
    vectors = embed(
        [text for _, text in parts], actor=SYSTEM, feature="ingest", request_id=uuid4(),
        purpose="document",
    )  # fmt: skip
    source_index(
        source_id=source,
        name=f"Handbook {number}",
        media_type="text/plain",
        owner_id=None,
        chunks=[
            NewChunk(ordinal, text, 0, len(text), page, "")
            for ordinal, (page, text) in enumerate(parts)
        ],
        embeddings=vectors,
    )
    return source


def _measured() -> Table:
    picked = random.Random(12)
    right = 0
    for _ in range(QUESTIONS):
        number, page = picked.randrange(DOCUMENTS), picked.randrange(PAGES)
        fill_buckets()
        answer = ask(
            actor=SYSTEM,
            question=f"What is the limit of the {_thing(number, page)}?",
            scope=EVERYTHING,
            request_id=uuid4(),
        )
        right += str(number * 100 + page) in answer.answer
    found = savings(database_now().date().replace(day=1))[current().id]
    guarded = sum(
        (row.usd or Decimal(0) for row in LedgerEntry.objects.filter(unit__startswith="guardrail")),
        Decimal(0),
    )
    ratio = found.ratio or Decimal(0)
    return Table(
        title="Model cost of questions (P12)",
        includes=(
            f"{QUESTIONS:,} questions over {DOCUMENTS * PAGES} pages in {DOCUMENTS} documents: the"
            " product's own path, every model and embedding call of it from the ledger. Naive: the"
            f" one document that holds the answer, {found.document_tokens:,} tokens, whole in the"
            f" prompt of {found.frontier}, the same answers, nothing cached. Guardrails"
            f" ({money(guarded)}) are in neither."
        ),
        columns=("", "USD"),
        rows=[
            ("naive pipeline", f"{found.naive:.6f}"),
            *((f"saved: {lever.name.lower()}", f"{lever.saved:.6f}") for lever in found.levers),
            ("Tenantry", f"{found.actual:.6f}"),
            ("naive / Tenantry", f"{ratio:.1f}"),
        ],
        target="at most 1/20 of the naive pipeline",
        reached=ratio >= 20,
        notes=[f"{right:,} of {QUESTIONS:,} answers held the figure that was asked for."],
    )
