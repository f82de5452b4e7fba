"""Text models in batch: a Converse body without model id, answered without stream and cache."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any, Protocol

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from localaws.bedrock.metering import Meter, settled
from localaws.catalog import FoundationModel
from localaws.errors import invalid
from localaws.model.pieces import ModelRequest, Piece, StopPiece, TextPiece, limited

_REFUSED = ("guardrailConfig", "toolConfig", "outputConfig")


class Model(Protocol):
    """What answers."""

    def generate(self, request: ModelRequest) -> Iterable[Piece]:
        """The pieces of one answer."""


class BatchText:
    """Answers records of modelInvocationType Converse."""

    def __init__(self, model: Model, meter: Meter) -> None:
        self._model = model
        self._meter = meter
        service = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
        shape = service.operation_model("Converse").input_shape
        assert shape is not None
        self._shape = shape

    def answer(self, body: Any, model: FoundationModel) -> tuple[str, tuple[int, int]]:
        """The answer's JSON with its input and output tokens. Raises ValidationException."""
        if not isinstance(body, dict):
            raise invalid("The modelInput is not an object.")
        for name in _REFUSED:
            if name in body:
                raise invalid(f"{name} is not supported in batch inference.")
        report = ParamValidator().validate({**body, "modelId": model.id}, self._shape)
        if report.has_errors():
            raise invalid("1 validation error detected: " + report.generate_report())
        messages = body.get("messages") or []
        if not messages or messages[0]["role"] != "user":
            raise invalid("A conversation must start with a user message.")
        started = time.perf_counter()
        config = body.get("inferenceConfig") or {}
        asked = ModelRequest(
            model_id=model.id,
            messages=messages,
            system=body.get("system") or [],
            max_tokens=int(config.get("maxTokens") or model.max_output),
            stop_sequences=list(config.get("stopSequences") or []),
            temperature=config.get("temperature"),
            top_p=config.get("topP"),
        )
        text, stop = "", StopPiece()
        for piece in limited(self._model.generate(asked), asked, self._meter.count):
            if isinstance(piece, TextPiece):
                text += piece.text
            elif isinstance(piece, StopPiece):
                stop = piece
        read, written = self._meter.input_tokens(body), self._meter.count(text)
        answer = {
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": stop.reason,
            "usage": settled({"inputTokens": read}, written),
            "metrics": {"latencyMs": round((time.perf_counter() - started) * 1000)},
        }
        return json.dumps(answer, ensure_ascii=False), (read, written)
