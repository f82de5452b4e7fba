"""InvokeModel and InvokeModelWithResponseStream: text models here, the others elsewhere."""

from __future__ import annotations

import json
from typing import Any

from localaws import catalog
from localaws.bedrock import native
from localaws.bedrock.converse import Conversations
from localaws.bedrock.invoke import Invocations
from localaws.bedrock.turns import Turn
from localaws.catalog import FoundationModel
from localaws.errors import AwsError, invalid
from localaws.state import JsonStore
from localaws.wire import Json, Request


class TextInvocations:
    """Reads a text model's own body, lets Converse answer, writes the model's own answer."""

    def __init__(self, conversations: Conversations, others: Invocations, store: JsonStore) -> None:
        self._conversations = conversations
        self._others = others
        self._store = store

    def invoke(self, request: Request, params: Json) -> Json:
        """`POST /model/{modelId}/invoke`."""
        model = self._text_model(request, params)
        if model is None:
            return self._others.invoke(request, params)
        turn, _ = self._prepare("InvokeModel", request, params, model)
        self._conversations.whole(turn)
        usage = turn.call.usage
        headers = {
            "X-Amzn-Bedrock-Input-Token-Count": str(usage["inputTokens"]),
            "X-Amzn-Bedrock-Output-Token-Count": str(usage["outputTokens"]),
            "X-Amzn-Bedrock-Invocation-Latency": str(turn.call.latency_ms),
        }
        body = json.dumps(turn.call.output, ensure_ascii=False).encode()
        return {"body": body, "contentType": "application/json", "headers": headers}

    def invoke_stream(self, request: Request, params: Json) -> Json:
        """`POST /model/{modelId}/invoke-with-response-stream`."""
        model = self._text_model(request, params)
        if model is None:
            raise invalid("The model is unsupported for streaming.")
        turn, form = self._prepare("InvokeModelWithResponseStream", request, params, model)

        def encode(name: str, payload: Json) -> bytes:
            if name == "messageStart":
                payload = {**payload, "usage": turn.usage}
            events = list(form.events(name, payload))
            if name == "metadata":
                events[-1]["amazon-bedrock-invocationMetrics"] = native.metrics(turn.call)
                if turn.guard is not None:
                    native.guarded(events[-1], turn.guard.trace(), _action(turn))
            return b"".join(native.chunk(event) for event in events)

        stream = self._conversations.stream(turn, encode)
        return {"body": stream, "contentType": "application/json"}

    def _text_model(self, request: Request, params: Json) -> FoundationModel | None:
        """The text model that a call names; None where it names another kind or nothing known."""
        caller = request.caller
        try:
            model = catalog.resolve(params["modelId"], caller.account, caller.region, self._store)
        except AwsError:
            return None
        return model if model.kind == "text" else None

    def _prepare(
        self, operation: str, request: Request, params: Json, model: FoundationModel
    ) -> tuple[Turn, native.Form]:
        body = native.read(request.body)
        if metadata := params.get("requestMetadata"):
            params = {**params, "requestMetadata": native.metadata(metadata)}
        converse = native.params_of(body, params, model)
        form = native.form_of(model)
        turn = self._conversations.prepare(operation, request, converse, body)

        def render(answer: Any) -> Json:
            whole = form.whole(turn.call, answer)
            if turn.guard is None:
                return whole
            return native.guarded(whole, turn.guard.trace(), _action(turn))

        turn.render = render
        return turn, form


def _action(turn: Turn) -> str:
    return "INTERVENED" if turn.call.stop_reason == "guardrail_intervened" else "NONE"
