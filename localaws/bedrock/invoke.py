"""InvokeModel for embedding models, CountTokens and ApplyGuardrail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from localaws import catalog
from localaws.bedrock import embeddings, native
from localaws.bedrock.metering import Meter
from localaws.calls import Call, CallLog
from localaws.embedder import Embedder
from localaws.errors import AwsError, invalid
from localaws.guard.checks import invoke_checks
from localaws.guard.conversation import apply_guardrail
from localaws.guard.store import Guardrails
from localaws.kb.rerank import invoked
from localaws.script import ScriptQueue
from localaws.state import JsonStore
from localaws.wire import Json, Request


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
        body = native.read(request.body)
        if metadata := params.get("requestMetadata"):
            params["requestMetadata"] = native.metadata(metadata)

        def work(call: Call) -> Json:
            started = time.perf_counter()
            model = catalog.resolve(call.model_id, call.account, call.region, self._store)
            if model.kind == "rerank":
                answer, call.usage = invoked(body, model, call.region, self._embedder)
                return {"body": json.dumps(answer).encode(), "contentType": "application/json"}
            if model.kind != "embedding":
                raise invalid(f"{model.id} is not an embedding model.")
            found = embeddings.answered([embeddings.wanted(body, model)], self._embedder)[0]
            if found.error is not None:
                raise found.error
            tokens = found.tokens
            call.usage = {"inputTokens": tokens, "outputTokens": 0, "totalTokens": tokens}
            call.output = {"embeddings": "omitted"}
            latency = round((time.perf_counter() - started) * 1000)
            return {
                "body": found.body.encode(),
                "contentType": "application/json",
                "headers": {
                    "X-Amzn-Bedrock-Input-Token-Count": str(tokens),
                    "X-Amzn-Bedrock-Output-Token-Count": "0",
                    "X-Amzn-Bedrock-Invocation-Latency": str(latency),
                },
            }

        return self._recorded("InvokeModel", request, params, body, work)

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

    def guardrail_checks(self, request: Request, params: Json) -> Json:
        """InvokeGuardrailChecks: needs no guardrail."""

        def work(call: Call) -> Json:
            answer = invoke_checks(params)
            call.usage = answer["usage"]
            return answer

        return self._recorded("InvokeGuardrailChecks", request, params, params, work)
