"""bedrock-agent-runtime: Retrieve and Rerank."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import numpy as np

from localaws.calls import Call, CallLog
from localaws.embedder import Embedder
from localaws.errors import invalid
from localaws.kb.bases import KnowledgeBases, managed, storage
from localaws.kb.documents import Documents, Index
from localaws.kb.filters import condition
from localaws.kb.ingestion import embedded, recorded
from localaws.kb.limits import MANAGED_BURST, MANAGED_RETRIEVALS, RATES, Limits, at_most
from localaws.kb.rerank import (
    DOCUMENTS_AT_MOST,
    document_text,
    ordered,
    queries_billed,
    relevance,
    rerank_model,
)
from localaws.script import Script, ScriptQueue
from localaws.wire import Json, Request

_RESULTS = 5  # unless asked otherwise
_RESULTS_AT_MOST = 100
_QUERY = 20_000  # characters
_MANAGED_QUERY = 10_000  # characters
_MASKS = 64  # filters whose matches are kept for each Knowledge Base
# https://docs.aws.amazon.com/bedrock/latest/userguide/kb-test-config.html
_HYBRID = ("OPENSEARCH_SERVERLESS", "RDS", "MONGO_DB_ATLAS", "MANAGED")


class Retrieval:
    """Exact search by cosine, the filter applied before ranking."""

    def __init__(
        self,
        *,
        bases: KnowledgeBases,
        documents: Documents,
        embedder: Embedder,
        limits: Limits,
        scripts: ScriptQueue,
        log: CallLog,
        stopping: threading.Event,
    ) -> None:
        self._bases = bases
        self._documents = documents
        self._embedder = embedder
        self._limits = limits
        self._scripts = scripts
        self._log = log
        self._stopping = stopping

    # Retrieve -------------------------------------------------------------------------------

    def retrieve(self, request: Request, params: Json) -> Json:
        """Retrieve."""
        name = params["knowledgeBaseId"].rpartition("/")[2]

        def work(call: Call, script: Script | None) -> Json:
            base = self._bases.usable(request, params["knowledgeBaseId"])
            key = ("Retrieve", request.caller.account, request.caller.region)
            if managed(base):
                self._limits.pass_or_throttle((*key, name), MANAGED_RETRIEVALS, MANAGED_BURST)
            else:
                self._limits.pass_or_throttle(key, RATES["Retrieve"])
            answer = self._found(base, request, params)
            if script is not None and script.results is not None:
                answer = {"retrievalResults": script.results}
            tokens = self._embedder.count(_query(base, params))
            call.usage = {"kbRetrievals": 1, "inputTokens": tokens, "outputTokens": 0}
            call.usage |= {"totalTokens": tokens, **embedded(base)}
            call.output = {"results": len(answer["retrievalResults"])}
            return answer

        return recorded(
            self._scripts, self._log, self._stopping, "Retrieve", request, params, name, work
        )

    def _found(self, base: Json, request: Request, params: Json) -> Json:
        query = _query(base, params)
        asked = _configuration(base, params)
        count = int(asked.get("numberOfResults", _RESULTS))
        at_most(_RESULTS_AT_MOST, "numberOfResults", count)
        start = _offset(params.get("nextToken"))
        index = self._documents.index(base["knowledgeBaseId"])
        mask = _mask(index, asked.get("filter"), storage(base))
        scores = index.vectors @ self._embedder.embed([query])[0]
        places = np.flatnonzero(mask)
        order = places[np.argsort(-scores[places], kind="stable")]
        page = [(int(at), float(scores[at])) for at in order[start : start + count]]
        if "rerankingConfiguration" in asked:
            page = self._reranked(asked["rerankingConfiguration"], request, query, index, page)
        answer: Json = {"retrievalResults": [_result(index, at, score) for at, score in page]}
        if start + count < len(order):
            token = base64.urlsafe_b64encode(str(start + count).encode()).decode()
            answer["nextToken"] = token
        return answer

    def _reranked(
        self, given: Json, request: Request, query: str, index: Index, page: list[tuple[int, float]]
    ) -> list[tuple[int, float]]:
        chosen = given.get("bedrockRerankingConfiguration")
        if chosen is None:
            raise invalid("bedrockRerankingConfiguration is needed.")
        rerank_model(chosen["modelConfiguration"]["modelArn"], request.caller.region)
        scores = relevance(query, [index.texts[at] for at, _ in page], self._embedder)
        count = int(chosen.get("numberOfRerankedResults", len(page)))
        return [(page[at][0], score) for at, score in ordered(scores, count)]

    # Rerank ---------------------------------------------------------------------------------

    def rerank(self, request: Request, params: Json) -> Json:
        """Rerank: one query, up to a thousand documents."""
        chosen = params["rerankingConfiguration"]["bedrockRerankingConfiguration"]
        arn = chosen["modelConfiguration"]["modelArn"]

        def work(call: Call, _: Script | None) -> Json:
            account, region = request.caller.account, request.caller.region
            self._limits.pass_or_throttle(("Rerank", account, region), RATES["Rerank"])
            rerank_model(arn, region)
            at_most(1, "queries", len(params["queries"]))
            at_most(DOCUMENTS_AT_MOST, "sources", len(params["sources"]))
            query = params["queries"][0]["textQuery"].get("text", "")
            if not query.strip():
                raise invalid("queries.0.textQuery.text must not be empty.")
            texts = [document_text(one["inlineDocumentSource"]) for one in params["sources"]]
            count = int(chosen.get("numberOfResults", len(texts)))
            ranked = ordered(relevance(query, texts, self._embedder), count)
            call.usage = {"rerankQueries": queries_billed(len(texts))}
            call.output = {"results": len(ranked)}
            return {"results": [{"index": at, "relevanceScore": score} for at, score in ranked]}

        return recorded(
            self._scripts, self._log, self._stopping, "Rerank", request, params, arn, work
        )


def _query(base: Json, params: Json) -> str:
    given = params["retrievalQuery"]
    query = str(given.get("text", ""))
    if given.get("type", "TEXT") != "TEXT" or "image" in given:
        raise invalid("The local AWS retrieves by text alone.")
    if not query.strip():
        raise invalid("The retrieval query must not be empty.")
    at_most(_MANAGED_QUERY if managed(base) else _QUERY, "retrievalQuery.text", len(query))
    if "userContext" in params and not managed(base):
        raise invalid("userContext is supported by managed knowledge bases alone.")
    if "guardrailConfiguration" in params:
        raise invalid("The local AWS does not offer guardrailConfiguration on Retrieve.")
    return query


def _configuration(base: Json, params: Json) -> Json:
    given: dict[str, Json] = params.get("retrievalConfiguration", {})
    fits = "managedSearchConfiguration" if managed(base) else "vectorSearchConfiguration"
    if set(given) - {fits}:
        raise invalid(f"The knowledge base is searched with {fits}.")
    asked = given.get(fits, {})
    if "implicitFilterConfiguration" in asked:
        raise invalid("The local AWS does not offer implicitFilterConfiguration.")
    if asked.get("overrideSearchType") == "HYBRID" and storage(base) not in _HYBRID:
        raise invalid(f"HYBRID search type is not supported for {storage(base)}.")
    return asked


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token or "MA=="))
    except ValueError:
        raise invalid("The nextToken is not valid.") from None


def _mask(index: Index, given: Json | None, store: str) -> Any:
    matches = condition(given, store)
    key = json.dumps(given, sort_keys=True)
    if key not in index.masks:
        if len(index.masks) >= _MASKS:
            index.masks.clear()
        index.masks[key] = np.fromiter(map(matches, index.metadata), bool, len(index.metadata))
    return index.masks[key]


def _result(index: Index, at: int, score: float) -> Json:
    return {
        "content": {"type": "TEXT", "text": index.texts[at]},
        "location": {"type": "CUSTOM", "customDocumentLocation": {"id": index.ids[at]}},
        "metadata": {
            **index.metadata[at],
            "x-amz-bedrock-kb-chunk-id": f"1%3A0%3A{index.ids[at]}",
            "x-amz-bedrock-kb-data-source-id": index.sources[at],
        },
        "score": score,
    }
