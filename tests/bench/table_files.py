"""Whether real files are read, found, and answered from with the right page."""

from __future__ import annotations

import re
import threading
from time import perf_counter
from typing import Any

import httpx

from tests.bench import live
from tests.bench.asked import Judged, Question, judged, questions, ten_questions
from tests.bench.realfiles import RealFile, real_files
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
    read: dict[str, tuple[str, ...]] = {}
    with stack.http(stack.person("acme", "member")) as client:
        ids: list[str] = []
        for file in files:
            live.fill_buckets(stack)
            state = _settled(client, stack, file)
            ids.append(str(state["id"]))
            found = state["status"] == "ready" and _found(client, stack, state)
            read[file.name] = (str(state["pages"] or ""), str(state["chunks"]), state["status"],
                               "yes" if found else "NO")  # fmt: skip
        answers = [_answered(client, stack, question, ids) for question in questions()]
        ten = [_answered(client, stack, question, ids) for question in ten_questions()]
    fine = [each for each in read.values() if each[2:] == ("ready", "yes")]
    open_ones = [each for each in answers if not each.question.held_out]
    rows = [
        (name, *told, *_told([each for each in answers if each.question.file == name]))
        for name, told in read.items()
    ]
    return Table(
        title="Twenty files that were not made for the purpose",
        includes=(
            "PDF, HTML, text and Markdown of Debian's documentation packages, and what LibreOffice"
            " makes of some of them, through REST into acme. Found: a search for"
            f" {WORDS} words of the file's middle has it among the first {FIRST}. Then ten"
            " questions a file over all of them, answered by the local model. Right: a quotation"
            " of the right page holds the words that answer; without pages, of the right file."
        ),
        columns=("", "pages", "passages", "state", "found", "right", "first cited", "right page,"
                 " other words", "wrong", "not found", "held out, right"),
        rows=rows,
        target=f"all {len(files)} found, each question answered with its page",
        reached=len(fine) == len(files) and all(each.right for each in [*answers, *ten]),
        notes=[
            f"{len(fine)} of {len(files)} files read and found.",
            f"Of {len(ten)} over all of them, the first that were written: {_summed(ten)}.",
            f"The passages given to the model hold the answer's words for"
            f" {sum(each.given for each in answers)} of {len(answers)} questions.",
            f"Of {len(open_ones)} questions: {_summed(open_ones)}.",
            f"Of {len(answers) - len(open_ones)} held out, whose failures nobody looks into:"
            f" {_summed([each for each in answers if each.question.held_out])}.",
            *(f"- {each.question.text} {each.question.file}: {each.verdict}"
              for each in [*open_ones, *ten] if not each.right),
        ],
    )  # fmt: skip


def _told(answers: list[Judged]) -> tuple[str, ...]:
    """Return a file's counts, the questions held out apart."""
    asked = [each for each in answers if not each.question.held_out]
    held = [each for each in answers if each.question.held_out]
    counts = [
        sum(each.right for each in asked),
        sum(each.first for each in asked),
        *(sum(each.verdict == verdict for each in asked)
          for verdict in ("right page, other words", "wrong", "not found")),
    ]  # fmt: skip
    return (*(str(count) for count in counts), f"{sum(e.right for e in held)} of {len(held)}")


def _summed(answers: list[Judged]) -> str:
    """Return how many answers were of each kind."""
    kinds = ("right", "right page, other words", "wrong", "not found")
    return ", ".join(f"{sum(each.verdict == kind for each in answers)} {kind}" for kind in kinds)


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


def _answered(client: httpx.Client, stack: LiveStack, question: Question, ids: list[str]) -> Judged:
    """Ask over all files together."""
    live.fill_buckets(stack)
    stack.aws.forget_requests()
    body = {"question": question.text, "document_ids": ids}
    answer = client.post("/api/v1/ask/", json=body).raise_for_status().json()
    given = [
        block["guardContent"]["text"]["text"]
        for call in stack.aws.requests("Converse")
        for message in call["body"]["messages"]
        for block in message["content"]
        if "guardContent" in block
    ]
    return judged(question, answer, "\n".join(given))
