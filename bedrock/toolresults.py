"""Screen what tools brought before a model reads it: Converse's guardrail does not look there.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html. A result that
is blocked is replaced by a sentence that says so, and the model goes on without it.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from bedrock.calls import Json, ModelRequest
from bedrock.guarding import CHECKED_AT_ONCE, apply_guardrail
from bedrock.policy import GuardrailPolicy, guardrail_of
from tenants.context import Actor, current

WITHHELD: Final = "This tool's result was withheld: it goes against the workspace's content rules."
REMEMBERED: Final = 2_000  # results that passed unchanged, by digest; a tool loop sends them again


class _Passed:
    """Digests of texts that a guardrail's version let through unchanged."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._seen

    def add(self, digest: bytes) -> None:
        with self._lock:
            self._seen[digest] = None
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)


_passed = _Passed()


def results_screened(request: ModelRequest) -> ModelRequest:
    """Return the request with its tools' results checked and masked by the tenant's guardrail.

    Raises this app's errors where the guardrail cannot be reached, and InputTooLong.
    """
    results = list(_results(request.messages))
    if not results:
        return request
    guardrail = guardrail_of(current())
    screened = {
        id(result): _screened(
            result,
            guardrail,
            actor=request.actor,
            feature=request.feature,
            request_id=request.request_id,
        )
        for result in results
    }
    messages = [
        {
            **message,
            "content": [
                {"toolResult": screened[id(block["toolResult"])]}
                if "toolResult" in block
                else block
                for block in message["content"]
            ],
        }
        for message in request.messages
    ]
    return replace(request, messages=messages)


def result_refused(result: Json, *, actor: Actor, feature: str, request_id: UUID) -> bool:
    """Say whether a tool's result would be withheld; one that passes is not checked once more.

    Raises what `results_screened` does.
    """
    guardrail = guardrail_of(current())
    screened = _screened(result, guardrail, actor=actor, feature=feature, request_id=request_id)
    return bool(screened["content"] == [{"text": WITHHELD}])


def _results(messages: Sequence[Json]) -> Iterator[Json]:
    for message in messages:
        for block in message["content"]:
            if "toolResult" in block:
                yield block["toolResult"]


def _screened(
    result: Json, guardrail: GuardrailPolicy, *, actor: Actor, feature: str, request_id: UUID
) -> Json:
    content: list[Any] = list(result.get("content", ()))
    texts = [_text(block) for block in content]
    digest = _digest(texts, guardrail)
    if not any(texts) or digest in _passed:
        return result
    outputs: list[str] = []
    for start, end in _batches(texts):
        verdict = apply_guardrail(
            texts[start:end],
            source="INPUT",
            actor=actor,
            feature=feature,
            request_id=request_id,
        )
        if verdict.action == "blocked":
            return {**result, "content": [{"text": WITHHELD}], "status": "error"}
        outputs += verdict.outputs
    if outputs == texts:
        _passed.add(digest)
        return result
    return {
        **result,
        "content": [
            block if before == after else {"text": after}
            for block, before, after in zip(content, texts, outputs, strict=True)
        ],
    }


def _text(block: Json) -> str:
    """Return what of a result's block a model reads as text; other kinds hold none."""
    if "json" in block:
        return json.dumps(block["json"], ensure_ascii=False, default=str)
    if found := block.get("searchResult"):
        return json.dumps(found, ensure_ascii=False, default=str)
    return str(block.get("text", ""))


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Cut the texts so that each part can be checked at once."""
    start, size = 0, 0
    for number, text in enumerate(texts):
        if number > start and size + len(text) > CHECKED_AT_ONCE:
            yield start, number
            start, size = number, 0
        size += len(text)
    yield start, len(texts)


def _digest(texts: Sequence[str], guardrail: GuardrailPolicy) -> bytes:
    whole = json.dumps([guardrail.id, guardrail.version, list(texts)])
    return hashlib.sha256(whole.encode()).digest()
