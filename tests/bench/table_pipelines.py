"""P7: ingestion from a file to searchable, beside LangChain's and LlamaIndex' pipelines.

`PAGES=100 python -m tests.bench pipelines` for the published figure; files of 30 pages without it.
`FILES` are given at once (one; together below 2,000 passages, from where on a batch job embeds).
`EMBEDDING_MS` is how long the local AWS lets each embedding call wait, for all sides alike: without
it a call takes no time but the two processors' own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.bench import live
from tests.bench.asking import asking
from tests.bench.ingesting import (
    Processes,
    computed,
    documents_ready,
    family,
    memory_watched,
)
from tests.bench.serving import peer_environment, peer_folder, peer_python
from tests.bench.spread import few
from tests.bench.table import Table
from tests.support.files import long_pdf
from tests.support.live import LiveStack

PAGES = int(os.environ.get("PAGES", "30"))
FILES = int(os.environ.get("FILES", "1"))  # at once
EMBEDDING_MS = float(os.environ.get("EMBEDDING_MS", "0"))
TURNS = 5
WATCHED = 2  # more turns, for the memory alone: looking at it takes time
FASTER, SMALLER = 3.0, 0.5
FACT = "The tide gate at Orlock harbour number {} opens {} minutes before high water."
PEERS = {"LangChain": "langchain", "LlamaIndex": "llamaindex"}
OURS = "product"


@dataclass(slots=True)
class File:
    """A file of pages with one sentence that nothing else has, and a question for it."""

    path: Path
    words: str
    query: str


@dataclass(slots=True)
class Side:
    """What one pipeline did: seconds of each turn, and its processes' memory in bytes.

    `most` is all they have at the most, `more` how much that is above what they had before.
    `computed` are the seconds that `computing` took of the processors, whatever else they did.
    """

    read: Callable[[Sequence[File]], int]
    processes: Processes
    computing: Processes
    seconds: list[float] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)
    most: list[int] = field(default_factory=list)
    more: list[int] = field(default_factory=list)
    rest: int = 0
    chunks: int = 0


def run() -> Table:
    """Give each side the same files, turn by turn."""
    stack = live.product()
    with ExitStack() as held:
        held.enter_context(live.untouched(stack))
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        turns = [
            [_file(folder, turn * FILES + number) for number in range(FILES)]
            for turn in range(1 + TURNS + WATCHED)
        ]
        sides = {OURS: _ours(stack, held)}
        for name, peer in PEERS.items():
            sides[name] = _theirs(stack, peer, held)
        if EMBEDDING_MS:
            match = {"operation": "InvokeModel"}
            stack.aws.script(match=match, times=10**9, first_delay_ms=EMBEDDING_MS)
        for turn, files in enumerate(turns):
            for name in list(sides) if turn % 2 else list(sides)[::-1]:
                live.fill_buckets(stack)
                _measured(sides[name], files, turn)
    return _table(sides)


def _table(sides: dict[str, Side]) -> Table:
    pages = PAGES * FILES
    speed = {name: [pages / seconds for seconds in side.seconds] for name, side in sides.items()}
    ours = sides[OURS]
    faster = min(median(speed[OURS]) / median(speed[name]) for name in PEERS)
    smaller = max(median(ours.most) / median(sides[name].most) for name in PEERS)
    more = max(median(ours.more) / max(median(sides[name].more), 1) for name in PEERS)
    work = max(median(ours.computed) / median(sides[name].computed) for name in PEERS)
    return Table(
        title="Ingestion beside standard pipelines (P7)",
        includes=(
            f"{TURNS} turns of {FILES} PDF file(s) of {PAGES} pages each at once, from the file to"
            " a search that finds a sentence of each; the same local AWS embeds for all,"
            f" {EMBEDDING_MS:.0f} ms a call beside its computing. Product: upload by"
            " REST, storage, task queue, parsing in a limited child, metered embedding calls,"
            " postings and vectors in PostgreSQL, search by REST. LangChain: PyPDFLoader,"
            " RecursiveCharacterTextSplitter(1000, 200), BedrockEmbeddings, InMemoryVectorStore."
            " LlamaIndex: SimpleDirectoryReader, SentenceSplitter, BedrockEmbedding,"
            " VectorStoreIndex. Computed: by the product's web process, worker, PostgreSQL and"
            " Redis, by the peer's process; the local AWS, which judges the product's credentials"
            f" and not the peers', is not in it. Memory, in {WATCHED} more turns: most PSS of the"
            " worker, its two processes and all that reads files; of the peer's one process. The"
            " product's web process, database and queue are not in it; the peers keep the vectors"
            " in theirs."
        ),
        columns=("", "median", "least–most", "times", "chunks"),
        rows=[
            *((f"{name}, pages/s", *few(speed[name]), str(side.chunks))
              for name, side in sides.items()),
            *((f"{name}, ms computed a page", *few([s * 1000 / pages for s in side.computed]), "")
              for name, side in sides.items()),
            *((f"{name}, most MB", *few([most / 1e6 for most in side.most], 0), "")
              for name, side in sides.items()),
            *((f"{name}, MB of it for the files", *few([more / 1e6 for more in side.more], 0), "")
              for name, side in sides.items()),
            *((f"{name}, MB at rest before", f"{side.rest / 1e6:.0f}", "", "1", "")
              for name, side in sides.items()),
        ],
        target=f"at least {FASTER:.0f} × the pages/s of each, at most {SMALLER} × the memory",
        reached=faster >= FASTER and smaller <= SMALLER,
        notes=[
            f"Beside the nearer one: {faster:.1f} × the pages/s, {smaller:.2f} × the memory"
            f" ({more:.2f} × what is needed beyond that at rest), {work:.2f} × the computing."
        ],
    )  # fmt: skip


def _file(folder: Path, number: int) -> File:
    words = FACT.format(number, 30 + number)
    content = long_pdf(PAGES, {max(1, PAGES * 2 // 3): words}, title=f"Harbour manual {number}")
    path = folder / f"harbour-{number}.pdf"
    path.write_bytes(content)
    return File(path, words, f"When does the tide gate at Orlock harbour number {number} open?")


def _measured(side: Side, files: Sequence[File], turn: int) -> None:
    """Read the files; the first turn opens connections and loads what is loaded once."""
    if turn > TURNS:
        with memory_watched(side.processes) as memory:
            side.read(files)
        side.rest = side.rest or memory.before
        side.most.append(memory.most)
        side.more.append(memory.most - memory.before)
        return
    before, began = computed(side.computing()), perf_counter()
    side.chunks = side.read(files)
    if turn:
        side.seconds.append(perf_counter() - began)
        side.computed.append(computed(side.computing()) - before)


def _ours(stack: LiveStack, held: ExitStack) -> Side:
    person = stack.person("acme", "member")
    client = held.enter_context(stack.http(person))
    rows = held.enter_context(live.superuser(stack))
    ready = documents_ready(stack, rows, "acme")

    def read(files: Sequence[File]) -> int:
        ids = []
        for file in files:
            sent = {"file": (file.path.name, file.path.read_bytes(), "application/pdf")}
            answer = client.post("/api/v1/documents/", files=sent).raise_for_status().json()
            ids.append(str(answer["id"]))
        chunks = ready(ids)
        for file in files:
            found = client.post("/api/v1/search/", json={"query": file.query}).raise_for_status()
            best = [" ".join(each["text"].split()) for each in found.json()["results"]]
            assert any(file.words in text for text in best), best
        return chunks

    parts = [family(stack.part(name)) for name in ("web", "worker", "postgres", "redis")]
    return Side(read, parts[1], lambda: [each for part in parts for each in part()])


def _theirs(stack: LiveStack, peer: str, held: ExitStack) -> Side:
    argv = [str(peer_python(peer)), str(peer_folder(peer) / "serve.py")]
    ask, process = held.enter_context(asking(argv, peer_environment(stack)))

    def read(files: Sequence[File]) -> int:
        told = ask({
            "files": [str(file.path) for file in files],
            "asked": [{"query": file.query, "words": file.words} for file in files],
        })  # fmt: skip
        assert told["found"], f"{peer} does not find the sentences"
        return int(told["chunks"])

    return Side(read, lambda: [process], lambda: [process])
