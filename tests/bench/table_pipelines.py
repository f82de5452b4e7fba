"""P7: ingestion from a file to searchable, beside LangChain's and LlamaIndex' pipelines.

`PAGES=100 python -m tests.bench pipelines` for the published figure; files of 30 pages without it.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx
import psutil

from tests.bench import live
from tests.bench.asking import asking
from tests.bench.serving import peer_environment, peer_folder, peer_python
from tests.bench.spread import few
from tests.bench.table import Table
from tests.support.files import long_pdf
from tests.support.live import LiveStack

PAGES = int(os.environ.get("PAGES", "30"))
TURNS = 5
FASTER, SMALLER = 3.0, 0.5
GIVE_UP = 300.0  # seconds for one file
LOOK_EVERY = 0.02
MEMORY_EVERY = 0.05
FACT = "The tide gate at Orlock harbour number {} opens {} minutes before high water."
PEERS = {"LangChain": "langchain", "LlamaIndex": "llamaindex"}
OURS = "product"


@dataclass(slots=True)
class File:
    """A file of pages with one sentence that nothing else has, and a question for it."""

    path: Path
    words: str
    query: str
    pages: int = PAGES


@dataclass(slots=True)
class Side:
    """What one pipeline did: seconds of each file, and its processes' memory in bytes."""

    read: Callable[[File], int]
    processes: Callable[[], list[psutil.Process]]
    seconds: list[float] = field(default_factory=list)
    most: list[int] = field(default_factory=list)
    rest: int = 0
    chunks: int = 0


def run() -> Table:
    """Give each side the same files, turn by turn."""
    stack = live.product()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        files = [_file(folder, number) for number in range(TURNS + 1)]
        sides = {OURS: _ours(stack, held)}
        for name, peer in PEERS.items():
            sides[name] = _theirs(stack, peer, held)
        for turn, file in enumerate(files):
            for name in list(sides) if turn % 2 else list(sides)[::-1]:
                live.fill_buckets(stack)
                _measured(sides[name], file, warm=turn == 0)
    return _table(sides)


def _table(sides: dict[str, Side]) -> Table:
    speed = {name: [PAGES / seconds for seconds in side.seconds] for name, side in sides.items()}
    ours = sides[OURS]
    faster = min(median(speed[OURS]) / median(speed[name]) for name in PEERS)
    smaller = max(median(ours.most) / median(sides[name].most) for name in PEERS)
    return Table(
        title="Ingestion beside standard pipelines (P7)",
        includes=(
            f"{TURNS} PDF files of {PAGES} pages each, one at a time, from the file to a search"
            " that finds a sentence of it; the same local AWS embeds for all. Product: upload by"
            " REST, storage, task queue, parsing in a limited child, metered embedding calls,"
            " postings and vectors in PostgreSQL, search by REST. LangChain: PyPDFLoader,"
            " RecursiveCharacterTextSplitter(1000, 200), BedrockEmbeddings, InMemoryVectorStore."
            " LlamaIndex: SimpleDirectoryReader, SentenceSplitter, BedrockEmbedding,"
            " VectorStoreIndex. Memory: most PSS of the worker, its two processes and the parsing"
            " child; of the peer's one process. The product's web process, database and queue are"
            " not in it; the peers keep the vectors in theirs."
        ),
        columns=("", "median", "least–most", "times", "chunks"),
        rows=[
            *((f"{name}, pages/s", *few(speed[name]), str(side.chunks))
              for name, side in sides.items()),
            *((f"{name}, most MB", *few([most / 1e6 for most in side.most], 0), "")
              for name, side in sides.items()),
            *((f"{name}, MB at rest", f"{side.rest / 1e6:.0f}", "", "1", "")
              for name, side in sides.items()),
        ],
        target=f"at least {FASTER:.0f} × the pages/s of each, at most {SMALLER} × the memory",
        reached=faster >= FASTER and smaller <= SMALLER,
        notes=[f"Beside the nearer one: {faster:.1f} × the pages/s, {smaller:.2f} × the memory."],
    )  # fmt: skip


def _file(folder: Path, number: int) -> File:
    words = FACT.format(number, 30 + number)
    content = long_pdf(PAGES, {PAGES * 2 // 3: words}, title=f"Harbour manual {number}")
    path = folder / f"harbour-{number}.pdf"
    path.write_bytes(content)
    return File(path, words, f"When does the tide gate at Orlock harbour number {number} open?")


def _measured(side: Side, file: File, *, warm: bool) -> None:
    """Read the file; the first one opens connections and loads what is loaded once."""
    if not warm and not side.rest:
        side.rest = _memory(side.processes())
    with _watched(side) as most:
        began = perf_counter()
        chunks = side.read(file)
        took = perf_counter() - began
    if not warm:
        side.chunks = chunks
        side.seconds.append(took)
        side.most.append(max(most))


@contextmanager
def _watched(side: Side) -> Iterator[list[int]]:
    """Look at the memory of the side's processes as long as the block runs."""
    over, most = threading.Event(), [_memory(side.processes())]

    def watch() -> None:
        while not over.wait(MEMORY_EVERY):
            most[0] = max(most[0], _memory(side.processes()))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield most
    finally:
        over.set()
        watching.join()


def _memory(processes: list[psutil.Process]) -> int:
    """Return what these processes have; what they share is divided among them."""
    whole = 0
    for process in processes:
        try:
            whole += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # a parsing child that has just ended
    return whole


def _ours(stack: LiveStack, held: ExitStack) -> Side:
    client = held.enter_context(stack.http(stack.person("acme", "member")))
    worker = stack.part("worker")

    def read(file: File) -> int:
        sent = {"file": (file.path.name, file.path.read_bytes(), "application/pdf")}
        answer = client.post("/api/v1/documents/", files=sent).raise_for_status().json()
        chunks = _ready(client, str(answer["id"]))
        found = client.post("/api/v1/search/", json={"query": file.query}).raise_for_status()
        best = [" ".join(each["text"].split()) for each in found.json()["results"]]
        assert any(file.words in text for text in best), best
        return chunks

    return Side(read, lambda: [worker, *worker.children(recursive=True)])


def _ready(client: httpx.Client, document: str) -> int:
    give_up, tick = perf_counter() + GIVE_UP, threading.Event()
    while True:
        state = client.get(f"/api/v1/documents/{document}/").raise_for_status().json()
        if state["status"] == "ready":
            return int(state["chunks"])
        assert state["status"] != "failed" and perf_counter() < give_up, state
        tick.wait(LOOK_EVERY)


def _theirs(stack: LiveStack, peer: str, held: ExitStack) -> Side:
    argv = [str(peer_python(peer)), str(peer_folder(peer) / "serve.py")]
    ask, process = held.enter_context(asking(argv, peer_environment(stack)))

    def read(file: File) -> int:
        told = ask({"file": str(file.path), "query": file.query, "words": file.words})
        assert told["found"], f"{peer} does not find the sentence"
        return int(told["chunks"])

    return Side(read, lambda: [process])
