"""Replace personal data before a text goes anywhere, where the tenant's posture says so.

A posture masks when its guardrail anonymizes what comes in (`inputAction: ANONYMIZE`). The text is
masked by ApplyGuardrail, which so is the one operation that ever receives it as it was: embeddings,
batch files, prompts and thus the invocation log, which keeps what was sent, hold masked text only.

`Masked` marks texts in which nothing is left to mask. Models and embeddings take others too, and
have them masked first (`masked_request`, `embed`): whoever forgets a mark pays twice, and sends
nothing. In a posture without masking nothing is called and nothing costs.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext

from bedrock.calls import Json, ModelAnswer, ModelRequest, Usage
from bedrock.errors import ModelRefused, NotProvisioned, TextBlocked
from bedrock.guarding import apply_guardrail
from bedrock.offsets import PART, WITHHELD, Found, Masking, aligned, parts, spread
from bedrock.policy import guardrail_of
from tenants.context import Actor, current

TEXTS_AT_ONCE: Final = 50  # of one call
KEPT_CHARACTERS: Final = 2_000_000  # of masked texts that a process keeps
LEAST_STRETCH: Final = 20  # characters; a refused stretch is not cut further


class Masked(str):
    """A text in which nothing is left to mask."""

    __slots__ = ()


def as_masked(text: str, *made_of: str) -> str:
    """Mark a text that our own words and `made_of` make up, if all of these are marked."""
    return Masked(text) if all(isinstance(part, Masked) for part in made_of) else text


def masks() -> bool:
    """Return whether the entered tenant's posture masks; one that is not set up counts as such."""
    try:
        return guardrail_of(current()).masks
    except NotProvisioned:
        return True


def masked_first(text: str) -> bool:
    """Return whether `mask` has to ask the guardrail about the text, if it does not remember it."""
    return not isinstance(text, Masked) and masks()


def mask_version() -> str:
    """Return what texts are masked with now, `<guardrail id>:<version>`; empty without masking.

    Raises NotProvisioned.
    """
    guardrail = guardrail_of(current())
    return f"{guardrail.id}:{guardrail.version}" if guardrail.masks else ""


def mask(texts: Sequence[str], *, actor: Actor, feature: str, request_id: UUID) -> list[str]:
    """Return the texts masked, in order; as they are where the posture does not mask.

    Metered under `feature`; each text once for each process, as long as it is remembered. Raises
    TextBlocked with the guardrail's message, MaskUnproven, and what `apply_guardrail` raises.
    """
    if all(isinstance(text, Masked) for text in texts) or not masks():
        return list(texts)
    version = mask_version()
    known = {text: _kept.get(version, text) for text in texts if _to_mask(text)}
    wanted = [text for text, masked in known.items() if masked is None]
    pieces = [(text, start, text[start:end]) for text in wanted for start, end in parts(text)]
    found: dict[str, list[Found]] = {text: [] for text in wanted}
    for batch in _batches(pieces):
        entities = entities_of(
            [piece for _, _, piece in batch], actor=actor, feature=feature, request_id=request_id
        )
        for (text, start, _), own in zip(batch, entities, strict=True):
            found[text] += [Found(start + e.start, start + e.end, e.kind) for e in own]
    for text, own in found.items():
        known[text] = _kept.put(version, text, Masking.of(text, spread(text, own)).text)
    return [known.get(text) or text if _to_mask(text) else Masked(text) for text in texts]


def _to_mask(text: str) -> bool:
    return not isinstance(text, Masked) and bool(text.strip())


def _batches(pieces: Sequence[tuple[str, int, str]]) -> Iterator[list[tuple[str, int, str]]]:
    """Yield what one call takes."""
    batch: list[tuple[str, int, str]] = []
    length = 0
    for piece in pieces:
        if batch and (length + len(piece[2]) > PART or len(batch) == TEXTS_AT_ONCE):
            yield batch
            batch, length = [], 0
        batch.append(piece)
        length += len(piece[2])
    if batch:
        yield batch


def entities_of(
    texts: Sequence[str], *, actor: Actor, feature: str, request_id: UUID
) -> list[list[Found]]:
    """Return what is to be masked in each text: one ApplyGuardrail call, at most `PART` long.

    Raises TextBlocked, MaskUnproven.
    """
    verdict = apply_guardrail(
        texts, source="INPUT", actor=actor, feature=feature, request_id=request_id
    )
    if verdict.action == "blocked":
        raise TextBlocked(verdict.outputs[0] if verdict.outputs else None)
    if verdict.action == "none":
        return [[] for _ in texts]
    matches = _matches(verdict.assessments)
    return [
        aligned(text, masked, matches) for text, masked in zip(texts, verdict.outputs, strict=True)
    ]


def _matches(assessments: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return the texts that were replaced, by what their placeholder names."""
    found: dict[str, set[str]] = {}
    for assessment in assessments:
        policy = assessment.get("sensitiveInformationPolicy", {})
        for key, named in (("piiEntities", "type"), ("regexes", "name")):
            for entity in policy.get(key, []):
                if entity.get("action") == "ANONYMIZED" and entity.get("match"):
                    found.setdefault(entity[named], set()).add(entity["match"])
    return found


def stretch_entities(text: str, *, actor: Actor, feature: str, request_id: UUID) -> list[Found]:
    """Return what is to be masked in a part of a document.

    The service masks nothing of a text that it blocks. So a blocked part is halved at a paragraph,
    or a line, until what is refused stands alone; that stretch is withheld whole. Raises
    MaskUnproven.
    """
    try:
        [found] = entities_of([text], actor=actor, feature=feature, request_id=request_id)
    except TextBlocked:
        cut = _cut(text)
        if cut is None:
            lead = len(text) - len(text.lstrip())
            return [Found(lead, len(text.rstrip()), WITHHELD)]
        ask = {"actor": actor, "feature": feature, "request_id": request_id}
        before = stretch_entities(text[:cut], **ask)  # type: ignore[arg-type]
        after = stretch_entities(text[cut:], **ask)  # type: ignore[arg-type]
        return before + [Found(cut + e.start, cut + e.end, e.kind) for e in after]
    return found


def _cut(text: str) -> int | None:
    """Return where to halve a text: at the blank line, else the line, nearest to its middle."""
    body = text.rstrip()
    if len(body) < LEAST_STRETCH:
        return None
    middle = len(body) // 2
    for border in ("\n\n", "\n"):
        places = [body.rfind(border, 0, middle), body.find(border, middle)]
        cuts = [
            place + len(border)
            for place in places
            if place >= 0 and body[:place].strip() and body[place:].strip()
        ]
        if cuts:
            return min(cuts, key=lambda cut: abs(cut - middle))
    return None


def masked_request(request: ModelRequest) -> ModelRequest:
    """Return the request with all that people, documents and models said masked.

    What tools brought is masked by `results_screened` before. `system` and `tools` are the
    product's own words. Raises ModelRefused for content that cannot be
    masked, besides what `mask` raises.
    """
    if not masks():
        return request
    texts: list[str] = []

    def noted(text: str) -> str:
        texts.append(text)
        return text

    _changed(request.messages, noted)
    done = mask(texts, actor=request.actor, feature=request.feature, request_id=request.request_id)
    masked = dict(zip(texts, done, strict=True))
    return replace(request, messages=_changed(request.messages, masked.__getitem__))


def refused(request_id: UUID, blocked: TextBlocked) -> ModelAnswer:
    """Return the answer to a request that the guardrail refused before a model was asked."""
    guardrail = guardrail_of(current())
    return ModelAnswer(
        text=blocked.detail,
        tool_uses=(),
        stop_reason="guardrail_intervened",
        usage=Usage(),
        blocked=True,
        masked=False,
        request_id=request_id,
        model="",
        profile_arn="",
        guardrail={"id": guardrail.id, "version": guardrail.version, "action": "blocked"},
    )


Change = Callable[[str], str]
_SCREENED: Final = {"text", "json", "searchResult"}  # what `results_screened` masks of a result
_AS_THEY_ARE: Final = {"cachePoint", "reasoningContent"}  # the latter is signed, and the model's


def _changed(messages: Sequence[Json], change: Change) -> list[Json]:
    return [
        {**message, "content": [_block(block, change) for block in message["content"]]}
        for message in messages
    ]


def _block(block: Json, change: Change) -> Json:
    match block:
        case {"text": str(text)}:
            return {**block, "text": change(text)}
        case {"guardContent": {"text": {"text": str(text), **rest}}}:
            return {"guardContent": {"text": {"text": change(text), **rest}}}
        case {"toolUse": dict(use)}:
            return {"toolUse": {**use, "input": _value(use["input"], change)}}
        case {"toolResult": dict(result)}:
            if all(part.keys() <= _SCREENED for part in result.get("content", ())):
                return block
    if block.keys() <= _AS_THEY_ARE:
        return block
    raise ModelRefused(
        gettext("%(kinds)s cannot be masked, so it is not sent.") % {"kinds": ", ".join(block)}
    )


def _value(value: Any, change: Change) -> Any:
    """Mask all names and values of a tool's input, which must remain JSON."""
    match value:
        case dict():
            return {change(key): _value(inner, change) for key, inner in value.items()}
        case list():
            return [_value(inner, change) for inner in value]
        case str():
            return change(value)
        case bool() | None:
            return value
    masked = change(str(value))
    return value if masked == str(value) else masked


class _Kept:
    """Masked texts by tenant, guardrail and a hash of the original: history is not paid twice."""

    def __init__(self) -> None:
        self._texts: OrderedDict[bytes, Masked] = OrderedDict()
        self._length = 0
        self._lock = threading.Lock()

    def get(self, version: str, text: str) -> Masked | None:
        with self._lock:
            key = _key(version, text)
            if key in self._texts:
                self._texts.move_to_end(key)
            return self._texts.get(key)

    def clear(self) -> None:
        with self._lock:
            self._texts.clear()
            self._length = 0

    def put(self, version: str, text: str, masked: str) -> Masked:
        done = Masked(masked)
        with self._lock:
            key = _key(version, text)
            self._length += len(done) - len(self._texts.pop(key, ""))
            self._texts[key] = done
            while self._length > KEPT_CHARACTERS:
                _, dropped = self._texts.popitem(last=False)
                self._length -= len(dropped)
        return done


def _key(version: str, text: str) -> bytes:
    said = f"{current().id.hex}\0{version}\0{text}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()


_kept = _Kept()


def forget() -> None:
    """Drop the masked texts that this process remembers."""
    _kept.clear()
