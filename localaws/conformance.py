"""With `LOCALAWS_CHECK=1`: every answer held against botocore's model before it leaves.

An answer that differs becomes a 500 that says where, and in a stream an exception frame, so that a
test which only reads one member of it fails all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.eventstream import EventStreamBuffer
from botocore.model import OperationModel

from localaws import eventstream
from localaws.errors import AwsError
from localaws.validation import differences
from localaws.wire import Response

# What any service may answer, though no model says so.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
COMMON = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "InternalServerException",
    "MissingAuthenticationTokenException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "UnknownOperationException",
    "ValidationException",
}


class NotAsModelled(Exception):
    """An answer that the service model does not allow."""


def check(model: OperationModel, response: Response) -> None:
    """Raise where a successful answer differs; a stream is checked as it is read."""
    shape: Any = model.output_shape
    wrong: list[str] = []
    expected = int(model.http.get("responseCode", 200))
    if response.status != expected:
        wrong.append(f"status {response.status}, not {expected}")
    if isinstance(response.body, bytes):
        if shape is not None and not shape.serialization.get("payload"):
            wrong += differences(shape, json.loads(response.body or b"{}"), model.name)
    elif shape is not None:
        payload = shape.members[shape.serialization["payload"]]
        response.body = _checked(model.name, payload, response.body)
    if shape is not None:
        headers = {name.lower() for name in response.headers} | {"content-type"}
        wrong += [
            f"the header of {name} is missing"
            for name in shape.required_members
            if shape.members[name].serialization.get("location") == "header"
            and shape.members[name].serialization["name"].lower() not in headers
        ]
    if wrong:
        raise NotAsModelled(f"{model.name}: {'; '.join(wrong)}")


def check_error(model: OperationModel, error: AwsError, *, json_errors: bool) -> None:
    """Raise where a refusal's code, status or members are not the operation's; scripts may lie."""
    if error.scripted:
        return
    shapes = {shape.name: shape for shape in model.error_shapes}
    shape: Any = shapes.get(error.code)
    if shape is None:
        if error.code not in COMMON:
            raise NotAsModelled(f"{model.name} does not know the error {error.code}")
        return
    expected = shape.metadata.get("error", {}).get("httpStatusCode")
    wrong = [] if json_errors or expected in (None, error.status) else [f"status {error.status}"]
    # The message's member is written with a capital or without.
    body = {**error.extra}
    body["Message" if "Message" in shape.members else "message"] = error.message
    wrong += differences(shape, body, error.code)
    if wrong:
        raise NotAsModelled(f"{model.name}: {'; '.join(wrong)}")


def _checked(name: str, union: Any, frames: Iterator[bytes]) -> Iterator[bytes]:
    buffer = EventStreamBuffer()
    try:
        for frame in frames:
            buffer.add_data(frame)
            wrong = [odd for message in buffer for odd in _event(union, message)]
            if wrong:
                told = {"message": f"{name}: {'; '.join(wrong)}"}
                yield eventstream.exception("internalServerException", told)
                return
            yield frame
    finally:
        close: Any = getattr(frames, "close", None)
        if close is not None:
            close()


def _event(union: Any, message: Any) -> list[str]:
    headers = message.headers
    member = headers.get(":event-type") or headers.get(":exception-type")
    if member not in union.members:
        return [f"{member} is not an event of the stream"]
    shape = union.members[member]
    if shape.metadata.get("exception") and ":exception-type" not in headers:
        return [f"{member} is an exception, sent as an event"]
    payload = json.loads(message.payload)
    payload.pop("p", None)  # padding
    return differences(shape, payload, member)
