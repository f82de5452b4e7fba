"""InvokeModel for embedding models, CountTokens and ApplyGuardrail."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np

from localaws import catalog
from localaws.bedrock.metering import Meter
from localaws.calls import Call, CallLog
from localaws.catalog import FoundationModel
from localaws.embedder import NATIVE_DIMENSIONS, Embedder, Vectors
from localaws.errors import AwsError, invalid
from localaws.guard.conversation import apply_guardrail
from localaws.guard.store import Guardrails
from localaws.script import ScriptQueue
from localaws.state import JsonStore
from localaws.wire import Json, Request

_TITAN_CHARACTERS = 50_000
_COHERE_TEXTS = 96


class Invocations:
    """The bedrock-runtime operations that are not conversations."""

    def __init__(
        self,
        *,
        embedder: Embedder,
        meter: Meter,
        store: JsonStore,
        guardrails: Guardrails,
        scripts: ScriptQueue,
        log: CallLog,
        stopping: threading.Event,
    ) -> None:
        self._embedder = embedder
        self._meter = meter
        self._store = store
        self._guardrails = guardrails
        self._scripts = scripts
        self._log = log
        self._stopping = stopping

    def _recorded(
        self,
        operation: str,
        request: Request,
        params: Json,
        body: Any,
        work: Callable[[Call], Json],
    ) -> Json:
        """Run one operation, scripted refusals first, and note what became of it."""
        call = Call.begin(operation, request, params, body)
        self._log.add(call)
        try:
            raw = request.body.decode("utf-8", "replace")
            script = self._scripts.take(operation, call.region, call.model_id, raw)
            if script is not None:
                self._stopping.wait(script.first_delay_ms / 1000)
                if (refusal := script.refusal()) is not None:
                    raise refusal
            return work(call)
        except AwsError as error:
            call.error, call.status = error.code, error.status
            raise
        finally:
            self._log.finish(call)

    # InvokeModel ----------------------------------------------------------------------------

    def invoke(self, request: Request, params: Json) -> Json:
        """`POST /model/{modelId}/invoke` for Titan and Cohere embeddings."""
        try:
            body = json.loads(request.body or b"null")
        except ValueError:
            raise invalid(
                "Malformed input request, please reformat your input and try again."
            ) from None
        if metadata := params.get("requestMetadata"):
            try:
                params["requestMetadata"] = json.loads(metadata)
            except ValueError:
                raise invalid("The request metadata is not a JSON object.") from None

        def work(call: Call) -> Json:
            started = time.perf_counter()
            model = catalog.resolve(call.model_id, call.account, call.region, self._store)
            if model.kind != "embedding":
                raise invalid(
                    f"{model.id} answers Converse and ConverseStream here; its own InvokeModel "
                    "format is not offered by the local AWS."
                )
            if not isinstance(body, dict):
                raise invalid("Malformed input request: expected an object.")
            answer, tokens = (
                self._titan(body, model)
                if model.provider == "Amazon"
                else self._cohere(body, model)
            )
            call.usage = {"inputTokens": tokens, "outputTokens": 0, "totalTokens": tokens}
            call.output = {"embeddings": "omitted"}
            latency = round((time.perf_counter() - started) * 1000)
            return {
                "body": json.dumps(answer).encode(),
                "contentType": "application/json",
                "headers": {
                    "X-Amzn-Bedrock-Input-Token-Count": str(tokens),
                    "X-Amzn-Bedrock-Output-Token-Count": "0",
                    "X-Amzn-Bedrock-Invocation-Latency": str(latency),
                },
            }

        return self._recorded("InvokeModel", request, params, body, work)

    def _titan(self, body: Json, model: FoundationModel) -> tuple[Json, int]:
        text = body.get("inputText")
        dimensions = body.get("dimensions", 1024)
        kinds = body.get("embeddingTypes") or ["float"]
        if not isinstance(text, str) or not text.strip():
            raise invalid("Malformed input request: #/inputText: expected minLength: 1, "
                          "actual: 0, please reformat your input and try again.")  # fmt: skip
        if dimensions not in (256, 512, 1024):
            raise invalid(f"Malformed input request: #/dimensions: {dimensions} is not a valid "
                          "enum value, please reformat your input and try again.")  # fmt: skip
        if not set(kinds) <= {"float", "binary"}:
            raise invalid("Malformed input request: #/embeddingTypes: is not a valid enum value")
        tokens = self._meter.count(text)
        if len(text) > _TITAN_CHARACTERS or tokens > model.context:
            raise invalid(f"400 Bad Request: Too many input tokens. Max input tokens: "
                          f"{model.context}, request input token count: {tokens}")  # fmt: skip
        vector = self._vectors([text], dimensions)[0]
        by_type: Json = {}
        if "float" in kinds:
            by_type["float"] = vector.tolist()
        if "binary" in kinds:
            by_type["binary"] = (vector > 0).astype(int).tolist()
        answer: Json = {"inputTextTokenCount": tokens, "embeddingsByType": by_type}
        if "float" in kinds:
            answer["embedding"] = by_type["float"]
        return answer, tokens

    def _cohere(self, body: Json, model: FoundationModel) -> tuple[Json, int]:
        texts = body.get("texts")
        if not isinstance(texts, list) or not all(isinstance(t, str) and t for t in texts):
            raise invalid("Malformed input request: #/texts: expected an array of strings")
        if not 1 <= len(texts) <= _COHERE_TEXTS:
            raise invalid(f"Malformed input request: #/texts: expected 1 to {_COHERE_TEXTS} items")
        if not body.get("input_type"):
            raise invalid("Malformed input request: required key [input_type] not found")
        standard = 1536 if model.id == "cohere.embed-v4:0" else 1024
        dimensions = body.get("output_dimension", standard)
        if dimensions not in (256, 512, 1024, 1536):
            raise invalid("Malformed input request: #/output_dimension is not a valid enum value")
        vectors = self._vectors(texts, dimensions)
        kinds = body.get("embedding_types")
        tokens = sum(map(len, self._embedder.token_ids(texts)))
        answer: Json = {"id": str(uuid.uuid4()), "texts": texts}
        if kinds:
            answer |= {
                "response_type": "embeddings_by_type",
                "embeddings": {kind: _typed(vectors, kind).tolist() for kind in kinds},
            }
        else:
            answer |= {"response_type": "embeddings_floats", "embeddings": vectors.tolist()}
        return answer, tokens

    def _vectors(self, texts: list[str], dimensions: int) -> Vectors:
        vectors = self._embedder.embed(texts)
        missing = max(0, dimensions - NATIVE_DIMENSIONS)
        padded: Vectors = np.pad(vectors, ((0, 0), (0, missing)))
        return padded

    # CountTokens, ApplyGuardrail ------------------------------------------------------------

    def count_tokens(self, request: Request, params: Json) -> Json:
        """CountTokens: base model ids only; a profile is refused, as the service does."""
        model = catalog.models().get(params["modelId"])
        if model is None or not model.counts_tokens:
            raise invalid("The provided model doesn't support counting tokens.")
        asked = params["input"]
        if "converse" in asked:
            return {"inputTokens": self._meter.input_tokens(asked["converse"])}
        return {"inputTokens": self._meter.count(str(asked["invokeModel"]["body"]))}

    def apply_guardrail(self, request: Request, params: Json) -> Json:
        """ApplyGuardrail."""

        def work(call: Call) -> Json:
            version = params["guardrailVersion"]
            definition = self._guardrails.version(
                call.account, call.region, params["guardrailIdentifier"], version
            )
            answer = apply_guardrail(definition, version, params, self._embedder)
            call.usage, call.output = answer["usage"], {"action": answer["action"]}
            return answer

        body = {key: params[key] for key in ("source", "content")}
        return self._recorded("ApplyGuardrail", request, params, body, work)


def _typed(vectors: Vectors, kind: str) -> Any:
    if kind == "float":
        return vectors
    if kind == "int8":
        return np.clip(np.round(vectors * 127), -128, 127).astype(int)
    if kind == "uint8":
        return np.clip(np.round(vectors * 127) + 128, 0, 255).astype(int)
    if kind == "ubinary":
        return np.packbits(vectors > 0, axis=1).astype(int)
    if kind == "binary":
        return np.packbits(vectors > 0, axis=1).astype(int) - 128
    raise invalid(f"Malformed input request: #/embedding_types: {kind} is not a valid enum value")
