"""Reranking: how well each document answers a query, 0 to 1, the same each time.

A stand-in for a cross-encoder: the share of the query's weight that the document's words carry,
rare words first, its best sentence, and the closeness of meaning of the whole and of that sentence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from localaws import catalog
from localaws.embedder import Embedder
from localaws.errors import invalid, missing
from localaws.model.layout import sentences
from localaws.model.meaning import bag, closeness, terms
from localaws.wire import Json

DOCUMENTS_AT_MOST = 1000
DOCUMENTS_A_QUERY = 100  # that one billed query covers
_WORDS, _BEST, _MEANING = 0.4, 0.3, 0.3
_READ = 6_000  # characters of a document that are scored


def relevance(query: str, documents: Sequence[str], embedder: Embedder) -> list[float]:
    """One score a document, in order."""
    asked = list(dict.fromkeys(terms(query)))
    read = [text[:_READ] for text in documents]
    parts = [_sentences(text) for text in read]
    held = np.array([[closeness(t, bag(text)) for t in asked] for text in read]).reshape(
        len(read), len(asked)
    )
    weights = _weights(held)
    flat = [sentence for one in parts for sentence in one]
    owner = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    single = np.array([[closeness(t, bag(s)) for t in asked] for s in flat]).reshape(
        len(flat), len(asked)
    )
    vectors = embedder.embed([query, *read, *flat])
    whole = _fitted(vectors[1 : 1 + len(read)] @ vectors[0])
    near = _fitted(vectors[1 + len(read) :] @ vectors[0])
    scores = []
    for number in range(len(read)):
        mine = owner == number
        best = float((single[mine] @ weights).max()) if mine.any() else 0.0
        close = max(float(whole[number]), float(near[mine].max()) if mine.any() else 0.0)
        score = _WORDS * float(held[number] @ weights) + _BEST * best + _MEANING * close
        scores.append(round(min(1.0, max(0.0, score)), 6))
    return scores


def _sentences(text: str) -> list[str]:
    return [sentence.text for sentence in sentences(text) if len(sentence.text) > 2][:40]


def _weights(held: np.ndarray) -> np.ndarray:
    """What each term counts: rarer among the documents, more; together 1."""
    if not held.shape[1]:
        return np.zeros(0)
    rarity = np.array([math.log1p(len(held) / (1 + row)) for row in (held > 0).sum(axis=0)])
    total = float(rarity.sum())
    return rarity / total if total else rarity


def _fitted(cosine: np.ndarray) -> np.ndarray:
    fitted: np.ndarray = np.clip((cosine - 0.05) / 0.7, 0, 1)
    return fitted


def queries_billed(documents: int) -> int:
    """How many queries a request counts for: one for each hundred documents."""
    return math.ceil(documents / DOCUMENTS_A_QUERY)


def rerank_model(arn: str, region: str) -> catalog.FoundationModel:
    """The reranking model of a foundation model's ARN or id; AWS's own errors otherwise."""
    if arn.startswith("arn:") and arn.split(":")[3] != region:
        raise invalid("The provided model identifier is invalid.")
    model = catalog.models().get(arn.rpartition("foundation-model/")[2])
    if model is None:
        raise missing(f"The model {arn} does not exist.")
    if model.kind != "rerank":
        raise invalid(f"{model.id} is not a reranking model.")
    if not catalog.offered(model, region):
        raise invalid(f"The model {model.id} is not available in {region}.")
    return model


def invoked(
    body: Any, model: catalog.FoundationModel, region: str, embedder: Embedder
) -> tuple[Json, Json]:
    """InvokeModel's answer and usage, in the body format that Amazon and Cohere share."""
    rerank_model(model.id, region)
    if not isinstance(body, dict):
        raise invalid("Malformed input request: expected an object.")
    query, documents = body.get("query"), body.get("documents")
    if not isinstance(query, str) or not query.strip():
        raise invalid("Malformed input request: #/query: expected a string that is not empty")
    if not isinstance(documents, list) or not 1 <= len(documents) <= DOCUMENTS_AT_MOST:
        raise invalid(f"Malformed input request: #/documents: expected 1 to {DOCUMENTS_AT_MOST}")
    if not all(isinstance(one, str) and one for one in documents):
        raise invalid("Malformed input request: #/documents: expected strings that are not empty")
    if model.provider == "Cohere" and body.get("api_version") != 2:
        raise invalid("Malformed input request: #/api_version: expected 2")
    count = body.get("top_n", len(documents))
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise invalid("Malformed input request: #/top_n: expected a number of at least 1")
    ranked = ordered(relevance(query, documents, embedder), count)
    rows = [{"index": at, "relevance_score": score} for at, score in ranked]
    return {"results": rows}, {"rerankQueries": queries_billed(len(documents))}


def document_text(document: Json) -> str:
    """The text of a source of Rerank."""
    if document["type"] == "TEXT":
        text = str(document.get("textDocument", {}).get("text", ""))
        if not text:
            raise invalid("A document of type TEXT needs textDocument.text.")
        return text
    if "jsonDocument" not in document:
        raise invalid("A document of type JSON needs jsonDocument.")
    return json.dumps(document["jsonDocument"], ensure_ascii=False)


def ordered(scores: Sequence[float], count: int) -> list[tuple[int, float]]:
    """(index, score) of the best, best first; equal ones as they stand."""
    ranked = sorted(enumerate(scores), key=lambda pair: (-pair[1], pair[0]))
    return ranked[:count]
