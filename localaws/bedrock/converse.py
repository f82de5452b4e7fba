"""Converse and ConverseStream."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from localaws import catalog, eventstream
from localaws.bedrock.metering import Meter, check_cache_points, settled
from localaws.bedrock.turns import (
    WORDS,
    Model,
    Truncated,
    Turn,
    check,
    scripted,
    served,
    tool_use,
)
from localaws.calls import Call, CallLog
from localaws.embedder import Embedder
from localaws.errors import AwsError, invalid
from localaws.guard.conversation import Guard
from localaws.guard.store import Guardrails
from localaws.images import check_images
from localaws.model.pieces import ModelRequest, Piece, StopPiece, TextPiece, ToolPiece, limited
from localaws.script import Script, ScriptQueue, error_of
from localaws.state import JsonStore
from localaws.wire import Json, Request

_HELD = 1000  # characters of an answer that are held back until they are checked: one text unit


class Conversations:
    """Answers Converse and ConverseStream with one text model."""

    def __init__(
        self,
        *,
        model: Model,
        meter: Meter,
        store: JsonStore,
        embedder: Embedder,
        guardrails: Guardrails,
        scripts: ScriptQueue,
        log: CallLog,
        stopping: threading.Event,
        token_delay_ms: float,
    ) -> None:
        self._model = model
        self._meter = meter
        self._store = store
        self._embedder = embedder
        self._guardrails = guardrails
        self._scripts = scripts
        self._log = log
        self._stopping = stopping
        self._token_delay = token_delay_ms / 1000

    # The two operations ---------------------------------------------------------------------

    def converse(self, request: Request, params: Json) -> Json:
        """`POST /model/{modelId}/converse`."""
        return self.whole(self.prepare("Converse", request, params))

    def converse_stream(self, request: Request, params: Json) -> Json:
        """`POST /model/{modelId}/converse-stream`; refusals come before the stream begins."""
        turn = self.prepare("ConverseStream", request, params)
        return {"stream": self.stream(turn, eventstream.event)}

    def whole(self, turn: Turn) -> Json:
        """A prepared call's whole answer."""
        content: list[Json] = []
        stop = StopPiece()
        try:
            for piece in self._guarded(turn):
                if isinstance(piece, StopPiece):
                    stop = piece
                elif isinstance(piece, ToolPiece):
                    content.append({"toolUse": tool_use(piece)})
                elif content and "text" in content[-1]:
                    content[-1]["text"] += piece.text
                else:
                    content.append({"text": piece.text})
            if turn.script is not None and turn.script.stream_error:
                raise error_of(turn.script.stream_error)
        except AwsError as error:
            self._fail(turn.call, error)
            raise
        message = {"role": "assistant", "content": content}
        self._settle(turn, stop, {"message": message})
        answer: Json = {
            "output": {"message": message},
            "stopReason": stop.reason,
            "usage": turn.call.usage,
            "metrics": {"latencyMs": turn.call.latency_ms},
        }
        if turn.guard is not None and (trace := turn.guard.trace()):
            answer["trace"] = {"guardrail": trace}
        return answer | served(turn.params)

    # Preparing ------------------------------------------------------------------------------

    def prepare(
        self, operation: str, request: Request, params: Json, body: Json | None = None
    ) -> Turn:
        """Refuse what is to be refused and check the input; `body` is logged, if not Converse's."""
        if body is None:
            body = {key: value for key, value in params.items() if key != "modelId"}
        call = Call.begin(operation, request, params, body)
        self._log.add(call)
        try:
            raw = request.body.decode("utf-8", "replace")
            script = self._scripts.take(operation, call.region, call.model_id, raw)
            if script is not None:
                self._wait(script.first_delay_ms / 1000)
                if (refusal := script.refusal()) is not None:
                    raise refusal
            model = catalog.resolve(call.model_id, call.account, call.region, self._store)
            if model.kind != "text":
                raise invalid("This action doesn't support the model that you provided.")
            check(params, model)
            check_cache_points(params, model)
            check_images(params, model)
            guard = None
            if params.get("guardrailConfig"):
                guard = Guard.begin(
                    self._guardrails,
                    self._embedder,
                    call.account,
                    call.region,
                    params["guardrailConfig"],
                )
                masked = ("system", "messages")  # of what a caller reads again, and no tool
                params = params | {
                    name: copy.deepcopy(params[name]) for name in masked if name in params
                }
                guard.check_input(params)
            usage: Json = {"inputTokens": 0}
            if guard is None or guard.blocked is None:
                owner = f"{call.account}/{call.region}"
                usage = self._meter.usage(params, model, owner)
                if usage["inputTokens"] > model.context:
                    raise invalid("Input is too long for requested model.")
        except AwsError as error:
            self._fail(call, error)
            raise
        return Turn(call, model, params, guard, script, usage)

    # Generating -----------------------------------------------------------------------------

    def _pieces(self, turn: Turn) -> Iterator[Piece]:
        params = turn.params
        config = params.get("inferenceConfig") or {}
        tools = params.get("toolConfig") or {}
        asked = ModelRequest(
            model_id=turn.model.id,
            messages=params.get("messages") or [],
            system=params.get("system") or [],
            tools=tools.get("tools", []),
            tool_choice=tools.get("toolChoice") or {},
            max_tokens=int(config.get("maxTokens") or turn.model.max_output),
            stop_sequences=list(config.get("stopSequences") or []),
            temperature=config.get("temperature"),
            top_p=config.get("topP"),
        )
        script = turn.script
        if script is not None and script.answers:
            yield from scripted(script)
        else:
            yield from limited(self._model.generate(asked), asked, self._meter.count)

    def _guarded(self, turn: Turn) -> Iterator[Piece]:
        """The model's pieces after the guardrail; a guarded answer is held until it is checked."""
        guard = turn.guard
        if guard is not None and guard.blocked is not None:
            yield TextPiece(guard.blocked)
            yield StopPiece("guardrail_intervened", output_tokens=0)
            return
        if guard is None or not guard.checks_output:
            for piece in self._pieces(turn):
                if isinstance(piece, TextPiece):
                    turn.text += piece.text
                yield piece
            return
        if turn.call.operation.endswith("Stream") and not guard.streams_first:
            yield from self._held_in_parts(turn, guard)
            return
        pieces: list[Piece] = []
        for piece in self._pieces(turn):
            pieces.append(piece)
            if isinstance(piece, TextPiece):
                turn.text += piece.text
                if guard.streams_first:
                    yield piece
        instead = guard.check_output(turn.text)
        stop = next((p for p in pieces if isinstance(p, StopPiece)), StopPiece())
        if instead is None or (guard.streams_first and not guard.blocked_output):
            yield from (p for p in pieces if not (guard.streams_first and isinstance(p, TextPiece)))
            return
        if guard.streams_first and guard.blocked_output:
            yield TextPiece(instead)
        else:
            yield from map(TextPiece, WORDS.findall(instead))
            if not guard.blocked_output:
                yield from (p for p in pieces if isinstance(p, ToolPiece))
        yield StopPiece("guardrail_intervened", stop.input_tokens, stop.output_tokens)

    def _held_in_parts(self, turn: Turn, guard: Guard) -> Iterator[Piece]:
        """`sync`: text is held until it is checked, a text unit at a time.

        A long answer is thus shown in parts, and a block may come after some have been shown.
        """
        stop, tools, released, refused = StopPiece(), list[Piece](), 0, False
        for piece in self._pieces(turn):
            if isinstance(piece, StopPiece):
                stop = piece
            elif isinstance(piece, ToolPiece):
                tools.append(piece)
            else:
                turn.text += piece.text
                end = _part_end(turn.text, released)
                if end and (shown := guard.passed(turn.text[released:end])) is not None:
                    yield from map(TextPiece, WORDS.findall(shown))
                    released = end
                elif end:
                    refused = True
                    break
        guard.check_output(turn.text)
        if guard.blocked_output or refused:
            guard.shown = str(guard.definition["blockedOutputsMessaging"])
            yield TextPiece(guard.shown)
            yield StopPiece("guardrail_intervened", stop.input_tokens, stop.output_tokens)
            return
        rest = guard.passed(turn.text[released:]) if released else guard.shown or turn.text
        yield from map(TextPiece, WORDS.findall(rest or ""))
        yield from tools
        reason = "guardrail_intervened" if guard.shown else stop.reason
        yield StopPiece(reason, stop.input_tokens, stop.output_tokens)

    # Streaming ------------------------------------------------------------------------------

    def stream(self, turn: Turn, encode: Callable[[str, Json], bytes]) -> Iterator[bytes]:
        """The frames. A client that goes away is still metered, as Bedrock does."""
        stop = StopPiece()
        script = turn.script
        events = self._events(turn)
        sent = 0
        try:
            for name, payload in events:
                if name == "stop":
                    stop = payload
                    break
                if name == "contentBlockDelta":
                    self._misbehave(script, sent)
                    if script is not None and script.truncate_after == sent:
                        frame = encode(name, payload)
                        yield frame[: len(frame) // 2]
                        raise Truncated
                    if sent:
                        self._wait(self._pace(script))
                    sent += 1
                yield encode(name, payload)
            self._misbehave(script, sent, at_end=True)
            self._settle(turn, stop, self._output(turn))
            yield encode("messageStop", {"stopReason": stop.reason})
            if script is None or not script.no_usage:
                yield encode("metadata", self._metadata(turn))
        except AwsError as error:
            self._fail(turn.call, error)
            yield eventstream.exception(error.member, {"message": error.message, **error.extra})
        except (GeneratorExit, Truncated):  # the client is gone: served and billed to the end
            turn.call.abandoned = True
            stop = next((e[1] for e in events if e[0] == "stop"), stop)
            self._settle(turn, stop, self._output(turn))
            raise
        finally:
            turn.call.abandoned = turn.call.abandoned or not turn.call.finished
            self._log.finish(turn.call)

    def _events(self, turn: Turn) -> Iterator[tuple[str, Any]]:
        yield "messageStart", {"role": "assistant"}
        index, is_open = 0, False
        for piece in self._guarded(turn):
            if isinstance(piece, StopPiece):
                if is_open:
                    yield "contentBlockStop", {"contentBlockIndex": index}
                yield "stop", piece
                return
            if isinstance(piece, TextPiece):
                is_open = True
                yield "contentBlockDelta", _delta(index, {"text": piece.text})
                continue
            if is_open:
                yield "contentBlockStop", {"contentBlockIndex": index}
                index, is_open = index + 1, False
            turn.calls.append({"toolUse": tool_use(piece)})
            start = {"toolUse": {"toolUseId": piece.id, "name": piece.name}}
            yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
            argument = json.dumps(piece.input, ensure_ascii=False)
            for at in range(0, len(argument), 24):
                part = {"toolUse": {"input": argument[at : at + 24]}}
                yield "contentBlockDelta", _delta(index, part)
            yield "contentBlockStop", {"contentBlockIndex": index}
            index += 1
        yield "stop", StopPiece()

    def _misbehave(self, script: Script | None, sent: int, *, at_end: bool = False) -> None:
        if script is None:
            return
        stall = script.stall or {}
        if stall and (stall.get("after", 0) == sent or (at_end and stall.get("after", 0) > sent)):
            self._wait(float(stall.get("seconds", 60)))
        failing = script.stream_error
        if failing and (failing.get("after", 0) == sent or at_end):
            raise error_of(failing)

    def _pace(self, script: Script | None) -> float:
        if script is not None and script.delay_ms is not None:
            return script.delay_ms / 1000
        if script is not None and script.answers:
            return 0.0
        return self._token_delay if self._model.paced else 0.0

    def _wait(self, seconds: float) -> None:
        if seconds > 0 and self._stopping.wait(seconds):
            raise AwsError("ServiceUnavailableException", "The service is stopping.")

    def _metadata(self, turn: Turn) -> Json:
        metrics = {"latencyMs": turn.call.latency_ms}
        metadata: Json = {"usage": turn.call.usage, "metrics": metrics}
        if turn.guard is not None and (trace := turn.guard.trace()):
            metadata["trace"] = {"guardrail": trace}
        return metadata | served(turn.params)

    def _output(self, turn: Turn) -> Json:
        text = turn.guard.shown if turn.guard is not None and turn.guard.shown else turn.text
        content = [{"text": text}, *turn.calls] if text else turn.calls
        return {"message": {"role": "assistant", "content": content}}

    # Ending ---------------------------------------------------------------------------------

    def _settle(self, turn: Turn, stop: StopPiece, output: Json) -> None:
        call = turn.call
        usage = turn.usage
        if stop.input_tokens is not None:
            usage = {**usage, "inputTokens": stop.input_tokens}
        produced = stop.output_tokens
        if produced is None:
            calls = [
                block["toolUse"] for block in output["message"]["content"] if "toolUse" in block
            ]
            produced = self._meter.count(turn.text + (json.dumps(calls) if calls else ""))
        call.usage = settled(usage, produced)
        if turn.script is not None and turn.script.usage:
            call.usage = {**call.usage, **turn.script.usage}
            if "totalTokens" not in turn.script.usage:
                call.usage = settled(call.usage, call.usage["outputTokens"])
        call.stop_reason = stop.reason
        call.latency_ms = round((time.time() - call.started) * 1000)
        call.output = {
            "output": output,
            "stopReason": stop.reason,
            "usage": call.usage,
            "metrics": {"latencyMs": call.latency_ms},
        }
        if turn.guard is not None and (trace := turn.guard.trace()):
            call.output["trace"] = {"guardrail": trace}
        if turn.render is not None:
            call.output = turn.render(call.output)
        self._log.finish(call)

    def _fail(self, call: Call, error: AwsError) -> None:
        call.error, call.status = error.code, error.status
        self._log.finish(call)


def _part_end(text: str, start: int) -> int:
    """Where the next part to be checked ends, at a word's end; 0 while there is less than one."""
    if len(text) - start < _HELD:
        return 0
    return text.rfind(" ", start, start + _HELD) + 1 or start + _HELD


def _delta(index: int, delta: Json) -> Json:
    return {"contentBlockIndex": index, "delta": delta}
