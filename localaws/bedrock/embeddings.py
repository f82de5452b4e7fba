"""Bodies of embedding models, Titan's and Cohere's: read, checked, and answered many at a time.

InvokeModel answers one body, a batch job thousands: both read each body into a `Wanted`, embed the
texts of all together, and let each make its own answer.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localaws.catalog import FoundationModel
from localaws.embedder import NATIVE_DIMENSIONS, Embedder, Vectors
from localaws.errors import AwsError, invalid
from localaws.wire import Json

_TITAN_CHARACTERS = 50_000
_COHERE_TEXTS = 96
_COHERE_V3_CHARACTERS = 2048
_COHERE_TYPES = ("float", "int8", "uint8", "binary", "ubinary")
_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering")
_DECIMALS = 8  # of a component: float32 holds no more, and JSON stays half as long

Exact = NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """One body that passed its checks: the texts to embed, and how their vectors are answered."""

    texts: list[str]
    dimensions: int
    answer: Callable[[Exact, list[int]], str]
    limit: Callable[[list[int]], AwsError | None]


@dataclass(frozen=True)
class Answered:
    """The answer's JSON and the tokens that were read, or why there is none."""

    body: str = ""
    tokens: int = 0
    error: AwsError | None = None


def wanted(body: Any, model: FoundationModel) -> Wanted:
    """What a body asks for. Raises ValidationException as the service does."""
    if not isinstance(body, dict):
        raise invalid("Malformed input request: expected type: JSONObject, please reformat your "
                      "input and try again.")  # fmt: skip
    return _titan(body, model) if model.provider == "Amazon" else _cohere(body, model)


def answered(asked: Sequence[Wanted], embedder: Embedder) -> list[Answered]:
    """Embed the texts of all together and answer each."""
    texts = [text for one in asked for text in one.texts]
    vectors, counts = embedder.embed_counted(texts)
    exact: Exact = np.round(vectors.astype(np.float64), _DECIMALS).astype(np.float64, copy=False)
    found, at = [], 0
    for one in asked:
        end = at + len(one.texts)
        tokens = counts[at:end]
        if (refusal := one.limit(tokens)) is not None:
            found.append(Answered(error=refusal))
        else:
            rows = _sized(exact[at:end], one.dimensions)
            found.append(Answered(one.answer(rows, tokens), sum(tokens)))
        at = end
    return found


def _sized(rows: Exact, dimensions: int) -> Exact:
    """Padded with zeros, which leaves cosine similarity unchanged."""
    padded: Exact = np.zeros((len(rows), max(dimensions, NATIVE_DIMENSIONS)))
    padded[:, :NATIVE_DIMENSIONS] = rows
    return padded


def _titan(body: Json, model: FoundationModel) -> Wanted:
    text = body.get("inputText")
    dimensions = body.get("dimensions", 1024)
    kinds = body.get("embeddingTypes") or ["float"]
    if odd := sorted(set(body) - {"inputText", "dimensions", "normalize", "embeddingTypes"}):
        raise invalid(f"Malformed input request: #: extraneous key [{odd[0]}] is not permitted, "
                      "please reformat your input and try again.")  # fmt: skip
    if not isinstance(text, str) or not text.strip():
        raise invalid("Malformed input request: #/inputText: expected minLength: 1, "
                      "actual: 0, please reformat your input and try again.")  # fmt: skip
    if len(text) > _TITAN_CHARACTERS:
        raise invalid(f"Malformed input request: #/inputText: expected maxLength: "
                      f"{_TITAN_CHARACTERS}, actual: {len(text)}, please reformat your input and "
                      "try again.")  # fmt: skip
    if dimensions not in (256, 512, 1024):
        raise invalid(f"Malformed input request: #/dimensions: {dimensions} is not a valid "
                      "enum value, please reformat your input and try again.")  # fmt: skip
    if not isinstance(kinds, list) or not set(kinds) <= {"float", "binary"}:
        raise invalid("Malformed input request: #/embeddingTypes: is not a valid enum value")

    def answer(rows: Exact, tokens: list[int]) -> str:
        by_type = {}
        if "float" in kinds:
            by_type["float"] = json.dumps(rows[0].tolist())
        if "binary" in kinds:
            by_type["binary"] = json.dumps((rows[0] > 0).astype(int).tolist())
        parts = ", ".join(f'"{kind}": {values}' for kind, values in by_type.items())
        first = f'"embedding": {by_type["float"]}, ' if "float" in by_type else ""
        return f'{{{first}"embeddingsByType": {{{parts}}}, "inputTextTokenCount": {tokens[0]}}}'

    def limit(tokens: list[int]) -> AwsError | None:
        if tokens[0] <= model.context:
            return None
        return invalid(f"400 Bad Request: Too many input tokens. Max input tokens: "
                       f"{model.context}, request input token count: {tokens[0]}")  # fmt: skip

    return Wanted([text], dimensions, answer, limit)


def _cohere_texts(body: Json, *, newest: bool) -> list[str]:
    """The texts of `texts`, or of v4's `inputs`, whose items are lists of content parts."""
    given = [name for name in ("texts", "images", "inputs") if body.get(name) is not None]
    if len(given) != 1 or (given == ["inputs"] and not newest):
        raise invalid("Malformed input request: exactly one of texts, images or inputs must be "
                      "specified, please reformat your input and try again.")  # fmt: skip
    items = body[given[0]]
    if not isinstance(items, list) or not 1 <= len(items) <= _COHERE_TEXTS:
        raise invalid(f"Malformed input request: #/{given[0]}: expected minimum item count: 1, "
                      f"maximum item count: {_COHERE_TEXTS}, please reformat your input and try "
                      "again.")  # fmt: skip
    if given == ["images"]:
        raise invalid("The local AWS embeds text only; images are not offered.")
    texts = [_input_text(item) if given == ["inputs"] else item for item in items]
    if not all(isinstance(text, str) and text for text in texts):
        raise invalid(f"Malformed input request: #/{given[0]}: expected minLength: 1, actual: 0, "
                      "please reformat your input and try again.")  # fmt: skip
    if not newest and any(len(text) > _COHERE_V3_CHARACTERS for text in texts):
        raise invalid(f"Malformed input request: #/texts: expected maxLength: "
                      f"{_COHERE_V3_CHARACTERS}, please reformat your input and try "
                      "again.")  # fmt: skip
    return texts


def _input_text(item: Any) -> str:
    parts = item.get("content") if isinstance(item, dict) else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise invalid("Malformed input request: #/inputs: required key [content] not found")
    if any(part.get("type") != "text" for part in parts):
        raise invalid("The local AWS embeds text only; images are not offered.")
    return "\n".join(str(part.get("text", "")) for part in parts)


def _cohere(body: Json, model: FoundationModel) -> Wanted:
    newest = model.id == "cohere.embed-v4:0"
    texts = _cohere_texts(body, newest=newest)
    if body.get("input_type") not in _INPUT_TYPES:
        raise invalid("Malformed input request: #/input_type: is not a valid enum value, please "
                      "reformat your input and try again.")  # fmt: skip
    dimensions = body.get("output_dimension", 1536 if newest else 1024)
    if dimensions not in ((256, 512, 1024, 1536) if newest else (1024,)):
        raise invalid("Malformed input request: #/output_dimension: is not a valid enum value, "
                      "please reformat your input and try again.")  # fmt: skip
    truncate = body.get("truncate", "NONE")
    if truncate not in (("NONE", "LEFT", "RIGHT") if newest else ("NONE", "START", "END")):
        raise invalid("Malformed input request: #/truncate: is not a valid enum value, please "
                      "reformat your input and try again.")  # fmt: skip
    kinds = body.get("embedding_types")
    if kinds is not None and (not isinstance(kinds, list) or set(kinds) - set(_COHERE_TYPES)):
        raise invalid("Malformed input request: #/embedding_types: is not a valid enum value")

    def answer(rows: Exact, _: list[int]) -> str:
        made: Json = {"id": str(uuid.uuid4()), "texts": texts}
        if kinds:
            made |= {
                "response_type": "embeddings_by_type",
                "embeddings": {kind: _typed(rows, kind) for kind in kinds},
            }
        else:
            made |= {"response_type": "embeddings_floats", "embeddings": rows.tolist()}
        return json.dumps(made, ensure_ascii=False)

    def limit(tokens: list[int]) -> AwsError | None:
        if truncate != "NONE" or max(tokens) <= model.context:
            return None
        return invalid(f"too many tokens: total number of tokens in the prompt cannot exceed "
                       f"{model.context} - received {max(tokens)}.")  # fmt: skip

    return Wanted(texts, dimensions, answer, limit)


def _typed(vectors: Vectors | Exact, kind: str) -> Any:
    """Vectors in one of Cohere's types; binary ones pack eight components into a byte."""
    if kind == "float":
        return vectors.tolist()
    if kind == "int8":
        return np.clip(np.round(vectors * 127), -128, 127).astype(int).tolist()
    if kind == "uint8":
        return np.clip(np.round(vectors * 127) + 128, 0, 255).astype(int).tolist()
    packed = np.packbits(vectors > 0, axis=1).astype(int)
    return (packed if kind == "ubinary" else packed - 128).tolist()
