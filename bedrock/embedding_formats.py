"""How each family of embedding models is asked and answers; which model serves is data.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bedrock.calls import Json
from bedrock.errors import NotProvisioned

Purpose = Literal["document", "query"]

COUNTED: Final = "x-amzn-bedrock-input-token-count"


@dataclass(frozen=True, slots=True)
class Format:
    """One family. `tokens` reads the service's count from body or headers; None: it gave none.

    `batch` says whether the service runs the family in batch inference jobs.
    """

    texts_per_call: int
    characters_at_most: int
    batch: bool
    body: Callable[[Sequence[str], Purpose, int], Json]
    vectors: Callable[[Json], list[list[float]]]
    tokens: Callable[[Json, Mapping[str, str]], int | None]


def _titan_body(texts: Sequence[str], purpose: Purpose, dimensions: int) -> Json:
    (text,) = texts
    return {
        "inputText": text,
        "dimensions": dimensions,
        "normalize": True,
        "embeddingTypes": ["float"],
    }


def _cohere_body(texts: Sequence[str], purpose: Purpose, dimensions: int) -> Json:
    return {
        "texts": list(texts),
        "input_type": f"search_{purpose}",
        "embedding_types": ["float"],
        "output_dimension": dimensions,
        "truncate": "NONE",  # a text that is too long is refused, never cut in silence
    }


def _header_tokens(headers: Mapping[str, str]) -> int | None:
    told = headers.get(COUNTED, "")
    return int(told) if told.isdecimal() else None


def _titan_tokens(answer: Json, headers: Mapping[str, str]) -> int | None:
    found = answer.get("inputTextTokenCount")
    return int(found) if found is not None else _header_tokens(headers)


TITAN: Final = Format(
    texts_per_call=1,
    characters_at_most=50_000,
    batch=True,
    body=_titan_body,
    vectors=lambda answer: [answer["embedding"]],
    tokens=_titan_tokens,
)
COHERE: Final = Format(
    texts_per_call=96,
    characters_at_most=50_000,
    batch=False,
    body=_cohere_body,
    vectors=lambda answer: answer["embeddings"]["float"],
    tokens=lambda _, headers: _header_tokens(headers),
)
# Earlier Cohere models have vectors of 1,024 only, which the indexes do not take.
FORMATS: Final = {"amazon.titan-embed-text-v2": TITAN, "cohere.embed-v4": COHERE}


def format_of(model_id: str) -> Format:
    """Return the format of an embedding model. Raises NotProvisioned for an unknown family."""
    for family, found in FORMATS.items():
        if model_id.startswith(family):
            return found
    raise NotProvisioned(f"{model_id} is no embedding model that this product can ask.")
