"""Whether real files are read, found, and answered from with the right page."""

from __future__ import annotations

import re
import threading
from time import perf_counter
from typing import Any

import httpx

from tests.bench import live
from tests.bench.realfiles import QUESTIONS, UNSEEN, Question, RealFile, real_files
from tests.bench.table import Table
from tests.support.live import LiveStack

GIVE_UP = 300.0  # seconds for one file
LOOK_EVERY = 0.25
WORDS = 14  # of a file's middle, that it is searched by
FIRST = 3  # results among which it must be


def run() -> Table:
    """Upload every file, search for words of its middle, and ask the questions."""
    files = real_files()
    stack = live.product()
    rows: list[tuple[str, ...]] = []
    with stack.http(stack.person("acme", "member")) as client:
        ids: dict[str, str] = {}
        for file in files:
            live.fill_buckets(stack)
            state = _settled(client, stack, file)
            ids[file.name] = str(state["id"])
            found = state["status"] == "ready" and _found(client, stack, state)
            rows.append((file.name, str(state["pages"] or ""), str(state["chunks"]),
                         state["status"], "yes" if found else "NO"))  # fmt: skip
        answered = [_answered(client, stack, question, ids) for question in QUESTIONS]
        unseen = [_answered(client, stack, question, ids) for question in UNSEEN]
    fine = [row for row in rows if row[3] == "ready" and row[4] == "yes"]
    right = [said for said in answered if said[0]]
    return Table(
        title="Twenty files that were not made for the purpose",
        includes=(
            "PDF, HTML, text and Markdown of Debian's documentation packages, and what LibreOffice"
            " makes of some of them, through REST into acme. Found: a search for"
            f" {WORDS} words of the file's middle has it among the first {FIRST}."
        ),
        columns=("", "pages", "passages", "state", "found"),
        rows=rows,
        target=f"all {len(files)} found, all {len(QUESTIONS)} questions answered with their page",
        reached=len(fine) == len(files) and len(right) == len(QUESTIONS),
        notes=[
            f"{len(fine)} of {len(files)} files read and found;"
            f" {len(right)} of {len(QUESTIONS)} questions answered, the right page cited.",
            *(said for _, said in answered),
            f"Of {len(UNSEEN)} more, written down before any of them was asked:"
            f" {sum(right for right, _ in unseen)}.",
            *(said for _, said in unseen),
        ],
    )


def _settled(client: httpx.Client, stack: LiveStack, file: RealFile) -> dict[str, Any]:
    """Upload a file and return its state once it is ready or failed."""
    sent = {"file": (file.name, file.content, "application/octet-stream")}
    answer = client.post("/api/v1/documents/", files=sent).raise_for_status().json()
    give_up, tick = perf_counter() + GIVE_UP, threading.Event()
    while True:
        live.fill_buckets(stack)
        path = f"/api/v1/documents/{answer['id']}/"
        state: dict[str, Any] = client.get(path).raise_for_status().json()
        if state["status"] in ("ready", "failed") or perf_counter() > give_up:
            return state
        tick.wait(LOOK_EVERY)


def _found(client: httpx.Client, stack: LiveStack, state: dict[str, Any]) -> bool:
    """Return whether words of the document's middle lead to it."""
    answer = client.get(f"/api/v1/documents/{state['id']}/text/").raise_for_status().json()
    text = answer["text"]
    words = re.findall(r"[A-Za-z]{3,}", text[len(text) // 2 :])[:WORDS]
    live.fill_buckets(stack)
    asked = client.post("/api/v1/search/", json={"query": " ".join(words)})
    results = asked.raise_for_status().json()["results"][:FIRST]
    return any(result["document"]["id"] == state["id"] for result in results)


def _answered(
    client: httpx.Client, stack: LiveStack, question: Question, ids: dict[str, str]
) -> tuple[bool, str]:
    """Ask, and return whether the page and the words are cited, and a line that tells it."""
    live.fill_buckets(stack)
    body = {"question": question.text, "document_ids": list(ids.values())}
    answer = client.post("/api/v1/ask/", json=body).raise_for_status().json()
    cited = [
        (citation["document_name"], citation["page"])
        for citation in answer["citations"]
        if question.words.lower() in citation["quote"].lower()
    ]
    right = (question.file, question.page) in cited
    verdict = "right" if right else f"NOT cited (cited: {cited or 'nothing with these words'})"
    return right, f"- {question.text} {question.file}, page {question.page}: {verdict}"
