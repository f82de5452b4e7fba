"""A model's stream is read as botocore reads it, whatever pieces it comes in."""

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStream
from botocore.exceptions import EventStreamError
from botocore.parsers import EventStreamJSONParser
from botocore.session import get_session

from localaws.eventstream import _frame, event, exception
from tenants import eventframes
from tenants.eventframes import FrameDamaged, events_of

TEXT = "Grüße aus \u2028 Zürich 🏔"
ORDINARY = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockStart", {
        "contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "look"}},
    }),
    *[event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": f"{TEXT} {n}"}})
      for n in range(3)],
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {
        "usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8},
        "metrics": {"latencyMs": 12},
        "trace": {"guardrail": {"inputAssessment": {"g": {"invocationMetrics": {
            "usage": {"topicPolicyUnits": 1, "contentPolicyUnits": 2, "wordPolicyUnits": 0,
                      "sensitiveInformationPolicyUnits": 1, "contextualGroundingPolicyUnits": 0,
                      "sensitiveInformationPolicyFreeUnits": 0},
        }}}}},
    }),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    eventframes._kinds.clear()
    yield
    eventframes._kinds.clear()


@cache
def _shape() -> Any:
    operation: Any = (
        get_session().get_service_model("bedrock-runtime").operation_model("ConverseStream")
    )
    return operation.output_shape.members["stream"]


def stream_of(content: bytes, size: int = 2**20) -> Any:
    """Return botocore's stream of the bytes, which come `size` at a time."""

    class Raw:
        def stream(self) -> Iterator[bytes]:
            return (content[at : at + size] for at in range(0, len(content), size))

    return EventStream(Raw(), _shape(), EventStreamJSONParser(), "ConverseStream")


def unpadded(events: Any) -> list[Any]:
    """Return the events without what hides their lengths, which the service's model has not."""
    return [{name: {k: v for k, v in body.items() if k != "p"} for name, body in each.items()}
            for each in events]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 64, 2**20])
def test_events_are_those_that_botocore_reads(size: int) -> None:
    content = b"".join(ORDINARY)
    expected = unpadded(stream_of(content))
    assert expected[2]["contentBlockDelta"]["delta"]["text"] == f"{TEXT} 0"
    for _ in range(2):  # the first time botocore reads one of each kind
        assert unpadded(events_of(stream_of(content, size))) == expected
    assert set(eventframes._kinds.values()) == eventframes._PLAIN


def test_errors_and_unknown_events_stay_botocores() -> None:
    strange = {":event-type": "messageStop", ":content-type": "a", ":message-type": "event"}
    failing = stream_of(
        b"".join(ORDINARY[:3])
        + event("inventedSince", {"x": 1})
        + _frame(strange, b'{"stopReason": "end_turn"}')
        + exception("throttlingException", {"message": "slow down"})
    )
    read: list[Any] = []
    with pytest.raises(EventStreamError) as failed:
        read.extend(events_of(failing))
    assert len(read) == 4
    assert failed.value.response["Error"] == {
        "Code": "throttlingException", "Message": "slow down"
    }  # fmt: skip
    names = ["messageStart", "contentBlockStart", "contentBlockDelta"]
    assert list(eventframes._kinds.values()) == names, "and none whose headers are not the usual"


def test_a_damaged_byte_is_found_wherever_it_is() -> None:
    list(events_of(stream_of(b"".join(ORDINARY))))
    frame = ORDINARY[3]
    for at in range(len(frame)):
        damaged = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
        with pytest.raises(FrameDamaged):
            list(events_of(stream_of(damaged)))


def test_a_frame_that_is_cut_ends_the_stream_and_a_monstrous_one_is_refused() -> None:
    assert list(events_of(stream_of(ORDINARY[0] + ORDINARY[1][:-1]))) == [
        {"messageStart": {"role": "assistant"}}
    ]
    lengths = struct.pack(">II", 2**31, 10)
    told = crc32(lengths).to_bytes(4, "big")
    with pytest.raises(FrameDamaged):
        list(events_of(stream_of(lengths + told)))
