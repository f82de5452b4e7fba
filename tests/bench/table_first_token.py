"""When the first words of an answer arrive, beside a direct stream of the same prompt."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from tests.bench import live
from tests.bench.spread import cells, p95
from tests.bench.table import Table
from tests.e2e.talking import ENDS, talking
from tests.support.live import DemoPerson, LiveStack

WITHIN = 300  # milliseconds
ADDED = 15  # milliseconds, p95
STEADY = 1.1  # times the p95 of the direct stream's gaps
PAIRS = int(
    os.environ.get("FIRST_TOKEN_PAIRS", "3")
)  # of each question: a p95 of 24 is its second worst
Prompt = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """When words arrived after the request was sent, in milliseconds."""

    words: list[float]

    @property
    def first(self) -> float:
        return self.words[0]

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.words, self.words[1:], strict=False)]


def run() -> Table:
    """Ask each question in new conversations, again and again beside a direct stream."""
    stack = live.product()
    person = stack.person("acme", "viewer")
    questions = live.questions("acme")
    _asked(stack, person, questions[0])  # the first turn of a process opens its connections
    fresh, again, direct = [], [], []
    at_once: list[bool] = []  # of each pair, whether the model spoke at its first call
    before = live.computed(stack, "web")
    for number, question in enumerate(questions):
        live.fill_buckets(stack)
        with live.untouched(stack):
            fresh.append(_asked(stack, person, question))
            prompts = _prompts(stack)
            at_once += [len(prompts) == 1] * PAIRS
            for pair in range(PAIRS):
                live.fill_buckets(stack)
                if (number + pair) % 2:  # whoever comes first has it no easier
                    again.append(_asked(stack, person, question))
                    direct.append(_streamed(stack, prompts))
                else:
                    direct.append(_streamed(stack, prompts))
                    again.append(_asked(stack, person, question))
    computed = (live.computed(stack, "web") - before) * 1000 / (len(fresh) + len(again))
    added = [mine.first - bare.first for mine, bare in zip(again, direct, strict=True)]
    spoke = [each for each, one in zip(added, at_once, strict=True) if one]
    several = at_once.count(False) // PAIRS
    firsts = [heard.first for heard in fresh]
    firsts_again, firsts_direct = ([heard.first for heard in side] for side in (again, direct))
    mine, theirs = _gaps(again), _gaps(direct)
    steady = p95(mine) <= p95(theirs) * STEADY
    return Table(
        title="First token over the socket (P3)",
        includes=(
            "acme's demo documents, one question at a time, each in a new conversation on an open"
            " socket: from sending `ask` to the first `delta` frame. In it: the socket's right,"
            " the stored question and lease, retrieval with its metered embedding call, limits,"
            " reservation, guardrail, the stream. Direct: boto3 ConverseStream with the very"
            " parameters the product sent, guardrail included, to the same local AWS, to its"
            " first words. Where the model asked for a tool before it spoke, both sides make each"
            " of its calls; running the tool and checking its result is the product's."
            f" {PAIRS} pairs of each question."
        ),
        columns=("", "median ms", "p95 ms", "least–most", "answers"),
        rows=[
            ("product, new question", *cells(firsts)),
            ("product, question asked before", *cells(firsts_again)),
            ("direct stream, same prompts", *cells(firsts_direct)),
            ("added by the product, pair by pair", *cells(added)),
            ("of it, where one call answers", *cells(spoke)),
            ("gap between words, product", *cells(mine)),
            ("gap between words, direct", *cells(theirs)),
        ],
        target=(
            f"at most {ADDED} ms over the direct stream at p95, gaps no burstier; first words"
            f" within {WITHIN} ms of Send (p95, new question)"
        ),
        reached=p95(added) <= ADDED and steady and p95(firsts) <= WITHIN,
        notes=[
            f"Over the direct stream: median {median(added):+.0f} ms, p95 {p95(added):+.0f} ms,"
            f" {_verdict(p95(added) <= ADDED)}. p95 of gaps {p95(mine):.1f} ms beside"
            f" {p95(theirs):.1f} ms, {_verdict(steady)}. First words within {WITHIN} ms,"
            f" {_verdict(p95(firsts) <= WITHIN)}.",
            f"p95 beside p95: {p95(firsts_again):.0f} ms and {p95(firsts_direct):.0f} ms,"
            f" {p95(firsts_again) - p95(firsts_direct):+.0f} ms; that of pairs holds the model's"
            " own chance twice.",
            f"Of {len(questions)} questions {several} took more than one call of the model, and one"
            " of the guardrail for the tool's result, which the direct side does not make; without"
            f" them p95 {p95(spoke):+.0f} ms.",
            f"The web process computes {computed:.0f} ms for a whole turn, with the making of its"
            " conversation and its title.",
        ],
    )


def _verdict(fine: bool) -> str:
    return "reached" if fine else "not reached"


def _gaps(several: Iterable[Heard]) -> list[float]:
    return [gap for heard in several for gap in heard.gaps]


def _asked(stack: LiveStack, person: DemoPerson, question: str) -> Heard:
    """Ask in a new conversation and say when each delta arrived."""
    with ExitStack() as held:
        client = held.enter_context(stack.http(person))
        made = client.post("/api/v1/conversations/", json={}).raise_for_status().json()
        talk = held.enter_context(talking(stack, person, made["id"]))
        message = json.dumps({"type": "ask", "text": question})
        words = []
        began = perf_counter()
        talk.connection.send(message)
        while (frame := talk.next())["type"] not in ENDS:
            if frame["type"] == "delta":
                words.append((perf_counter() - began) * 1000)
        assert frame["type"] == "turn.finished" and words, frame
    return Heard(words)


def _prompts(stack: LiveStack) -> list[Prompt]:
    """Return the parameters of the product's last answer's calls, as the local AWS got them."""
    calls = stack.aws.requests("ConverseStream")
    return [{"modelId": call["modelId"], **call["body"]} for call in calls]


def _streamed(stack: LiveStack, prompts: list[Prompt]) -> Heard:
    """Stream the prompts directly, one after the other, and say when each delta arrived."""
    client = live.runtime(stack.aws.url, "us-east-1")
    began = perf_counter()
    words = [
        (perf_counter() - began) * 1000
        for prompt in prompts
        for event in client.converse_stream(**prompt)["stream"]
        if "text" in event.get("contentBlockDelta", {}).get("delta", {})
    ]
    assert words
    return Heard(words)
