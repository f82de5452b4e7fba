"""Direct ingestion: documents put, deleted and asked after, ten a call, all asynchronous.

https://docs.aws.amazon.com/bedrock/latest/userguide/kb-direct-ingestion.html
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localaws import catalog
from localaws.calls import Call, CallLog
from localaws.embedder import Embedder
from localaws.errors import AwsError, invalid
from localaws.guard.store import page
from localaws.kb.bases import KnowledgeBases, embedding_model
from localaws.kb.documents import Documents, Put
from localaws.kb.limits import DOCUMENTS_A_CALL, RATES, Limits, at_most
from localaws.script import Script, ScriptQueue
from localaws.wire import Json, Request

_MAX_CHARACTERS = 50_000


def recorded(
    scripts: ScriptQueue,
    log: CallLog,
    stopping: threading.Event,
    operation: str,
    request: Request,
    params: Json,
    name: str,
    work: Callable[[Call, Script | None], Json],
) -> Json:
    """Run one operation, scripted refusals first, and note what became of it."""
    call = Call.begin(operation, request, {**params, "modelId": name}, params)
    log.add(call)
    try:
        raw = request.body.decode("utf-8", "replace")
        script = scripts.take(operation, call.region, name, raw)
        if script is not None:
            stopping.wait(script.first_delay_ms / 1000)
            if (refusal := script.refusal()) is not None:
                raise refusal
        return work(call, script)
    except AwsError as error:
        call.error, call.status = error.code, error.status
        raise
    finally:
        log.finish(call)


class Ingestion:
    """The document operations of bedrock-agent."""

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

    def _changing(
        self, operation: str, request: Request, params: Json, work: Callable[[Call], Json]
    ) -> Json:
        """One of the calls of which an account has ten at once and five a second."""
        account, region = request.caller.account, request.caller.region

        def limited(call: Call, _: Script | None) -> Json:
            return work(call)

        with self._limits.document_call(account):
            self._limits.pass_or_throttle((operation, account, region), RATES[operation])
            return recorded(
                self._scripts, self._log, self._stopping, operation, request, params,
                params["knowledgeBaseId"], limited,
            )  # fmt: skip

    def ingest(self, request: Request, params: Json) -> Json:
        """IngestKnowledgeBaseDocuments."""

        def work(call: Call) -> Json:
            at_most(DOCUMENTS_A_CALL, "documents", len(params["documents"]))
            base, source = self._bases.source(request, params)
            model = catalog.models()[embedding_model(base)]
            puts, tokens = [], 0
            for document in params["documents"]:
                name, text = _content(document)
                counted = self._embedder.count(text)
                tokens += counted
                too_long = counted > model.context or len(text) > _MAX_CHARACTERS
                failed = (
                    "The document is longer than the embedding model reads." if too_long else None
                )
                puts.append(Put(name, text, _metadata(document), None, failed))
            vectors = self._embedder.embed([put.text for put in puts])
            self._documents.put(
                base["knowledgeBaseId"],
                source["dataSourceId"],
                [put._replace(vector=row) for put, row in zip(puts, vectors, strict=True)],
            )
            call.usage = {"inputTokens": tokens, "outputTokens": 0, "totalTokens": tokens}
            call.usage |= embedded(base)
            return self._details(base, source, [put.id for put in puts])

        return self._changing("IngestKnowledgeBaseDocuments", request, params, work)

    def delete(self, request: Request, params: Json) -> Json:
        """DeleteKnowledgeBaseDocuments."""

        def work(call: Call) -> Json:
            base, source = self._bases.source(request, params)
            ids = _identifiers(params)
            self._documents.delete(base["knowledgeBaseId"], source["dataSourceId"], ids)
            return self._details(base, source, ids)

        return self._changing("DeleteKnowledgeBaseDocuments", request, params, work)

    def get(self, request: Request, params: Json) -> Json:
        """GetKnowledgeBaseDocuments."""
        base, source = self._bases.source(request, params)
        return self._details(base, source, _identifiers(params))

    def list_documents(self, request: Request, params: Json) -> Json:
        """ListKnowledgeBaseDocuments."""
        base, source = self._bases.source(request, params)
        return page(params, "documentDetails", self._details(base, source, None)["documentDetails"])

    def _details(self, base: Json, source: Json, ids: list[str] | None) -> Json:
        place = {name: source[name] for name in ("knowledgeBaseId", "dataSourceId")}
        rows = []
        for state in self._documents.states(base["knowledgeBaseId"], source["dataSourceId"], ids):
            row: Json = {
                **place,
                "status": state["status"],
                "identifier": {"dataSourceType": "CUSTOM", "custom": {"id": state["id"]}},
                "updatedAt": moment(state["since"]),
            }
            rows.append(row | ({"statusReason": state["reason"]} if state["reason"] else {}))
        return {"documentDetails": rows}


def embedded(base: Json) -> Json:
    """Who embeds: the Knowledge Base calls its model itself, under its service role."""
    return {"embeddedWith": embedding_model(base), "embeddedBy": base["roleArn"]}


def moment(seconds: float) -> str:
    """A time as the service writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _identifiers(params: Json) -> list[str]:
    at_most(DOCUMENTS_A_CALL, "documentIdentifiers", len(params["documentIdentifiers"]))
    found = [one.get("custom", {}).get("id") for one in params["documentIdentifiers"]]
    if not all(found):
        raise invalid("The data source is of type CUSTOM: documents are named by custom.id.")
    return found


def _content(document: Json) -> tuple[str, str]:
    """The id and the text of a document."""
    custom = document["content"].get("custom")
    if document["content"]["dataSourceType"] != "CUSTOM" or custom is None:
        raise invalid("The data source is of type CUSTOM: content.custom is needed.")
    inline = custom.get("inlineContent")
    if custom["sourceType"] != "IN_LINE" or inline is None:
        raise invalid("The local AWS takes inline content (sourceType IN_LINE) alone.")
    name = str(custom["customDocumentIdentifier"]["id"])
    if inline["type"] == "TEXT":
        if "textContent" not in inline:
            raise invalid("inlineContent.textContent is needed for the type TEXT.")
        return name, str(inline["textContent"]["data"])
    data = inline.get("byteContent", {}).get("data", "")
    try:
        raw = data if isinstance(data, bytes) else base64.b64decode(data, validate=True)
        return name, raw.decode()
    except ValueError:
        raise invalid("The local AWS reads byteContent that is text in UTF-8 alone.") from None


def _metadata(document: Json) -> Json:
    """The attributes of a document by key, of the types that they claim to have."""
    given = document.get("metadata")
    if given is None:
        return {}
    if given.get("accessControlList"):
        raise invalid("The local AWS does not offer accessControlList.")
    if given["type"] != "IN_LINE_ATTRIBUTE":
        raise invalid("Inline content needs inline metadata (type IN_LINE_ATTRIBUTE).")
    members = {
        "STRING": "stringValue", "NUMBER": "numberValue",
        "BOOLEAN": "booleanValue", "STRING_LIST": "stringListValue",
    }  # fmt: skip
    found: dict[str, Any] = {}
    for attribute in given.get("inlineAttributes", ()):
        value = attribute["value"]
        member = members[value["type"]]
        if member not in value:
            raise invalid(f"The attribute {attribute['key']} has no {member}.")
        if attribute["key"] in found:
            raise invalid(f"The attribute {attribute['key']} is given twice.")
        found[attribute["key"]] = value[member]
    return found
