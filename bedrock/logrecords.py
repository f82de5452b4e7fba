"""One record of an invocation log, read with care: AWS writes it, but callers fill parts of it.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html. What the record
says of its tenant counts only where the session that signed the call is that tenant's.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from bedrock.calls import Json
from bedrock.guarded import units_of_trace
from bedrock.metering import USAGE_UNITS
from billing.units import Unit

LOGGED: Final = ("Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream")
"""The operations that the log covers."""
EMBEDDING_UNITS: Final = (Unit.EMBEDDING,)
TEXT_UNITS: Final = (
    Unit.INPUT,
    Unit.OUTPUT,
    Unit.CACHE_READ,
    Unit.CACHE_WRITE,
    Unit.CACHE_WRITE_1H,
)
GUARDRAIL_UNITS: Final = tuple(USAGE_UNITS.values())
SESSION: Final = re.compile(r":assumed-role/[^/]+/tenant-([0-9a-f]{32})$")
LINE_AT_MOST: Final = 8 * 1024 * 1024
"""Bytes of one record. Bodies over 100 KB are delivered apart, so that none is near this."""
CHUNK: Final = 256 * 1024


class BadRecord(Exception):
    """The line is no record; the message says why."""


class BrokenFile(Exception):
    """The file ends in the middle, or is not what it says; its lines until then are good."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the product needs of a record; `document` is all of it."""

    aws_request_id: str
    at: datetime
    region: str
    operation: str
    model_id: str
    identity: str
    tenant_id: UUID | None
    request_id: UUID | None
    reservation_id: UUID | None
    attempt: int | None
    feature: str
    error_code: str
    units: Mapping[Unit, int]
    guarded: bool
    foreign: bool
    document: Json


def lines_of(stream: Any) -> Iterator[bytes]:
    """Yield the lines of a gzip stream in constant memory. Raises BrokenFile at what is broken."""
    rest = b""
    for piece in _unpacked(stream):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > LINE_AT_MOST:
            raise BrokenFile("a line is longer than any record")
    if rest:
        yield rest


def _unpacked(stream: Any) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(31)
    for chunk in stream.iter_chunks(CHUNK):
        data, full = chunk, False
        while data or full:
            try:
                piece = unpacker.decompress(data, CHUNK)
            except zlib.error as error:
                raise BrokenFile(f"not gzip: {error}") from None
            yield piece
            data, full = unpacker.unconsumed_tail, len(piece) == CHUNK
            if unpacker.eof:
                data, full = unpacker.unused_data, False
                if data:  # files may be several gzip members, one after the other
                    unpacker = zlib.decompressobj(31)
    if not unpacker.eof:
        raise BrokenFile("the file ends in the middle")


def record_of(line: bytes) -> Record:
    """Read one line. Raises BadRecord."""
    try:
        document = json.loads(line)
        return _record_of(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecord(f"{type(error).__name__}: {error}"[:300]) from None


def _record_of(document: Json) -> Record:
    if document["schemaType"] != "ModelInvocationLog":
        raise BadRecord(f"schemaType is {document['schemaType']!r}"[:300])
    stamp = document.get("requestMetadata") or {}
    identity = str(document["identity"]["arn"])
    session = SESSION.search(identity)
    signed_by = UUID(session[1]) if session else None
    named = _uuid(stamp.get("tenant"))
    error = str(document.get("errorCode") or "")
    units, guarded = ({}, False) if error else _used(document)
    attempt = str(stamp.get("attempt", ""))
    return Record(
        aws_request_id=str(document["requestId"])[:80],
        at=datetime.fromisoformat(document["timestamp"]).astimezone(UTC),
        region=str(document["region"])[:20],
        operation=str(document["operation"])[:40],
        model_id=str(document["modelId"])[:300],
        identity=identity[:300],
        tenant_id=named if named and named == signed_by else None,
        request_id=_uuid(stamp.get("request_id")),
        reservation_id=_uuid(stamp.get("reservation")),
        attempt=int(attempt) if attempt.isdecimal() and len(attempt) < 9 else None,
        feature=str(stamp.get("feature", ""))[:40],
        error_code=error[:80],
        units=units,
        guarded=guarded,
        foreign=bool(stamp) and named != signed_by,
        document=document,
    )


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        return None


def _used(document: Json) -> tuple[dict[Unit, int], bool]:
    """Return what the attempt used, and whether the record tells the guardrail's units as well."""
    read, written = document.get("input") or {}, document.get("output") or {}
    tokens = int(read.get("inputTokenCount", 0))
    if document["operation"].startswith("InvokeModel"):
        return ({Unit.EMBEDDING: tokens} if tokens else {}), False
    body = written.get("outputBodyJson")
    answer: Json = body if isinstance(body, dict) else {}
    long_lived = sum(
        int(detail.get("inputTokens", 0))
        for detail in (answer.get("usage") or {}).get("cacheDetails") or []
        if detail.get("ttl") == "1h"
    )
    units = {
        Unit.INPUT: tokens,
        Unit.OUTPUT: int(written.get("outputTokenCount", 0)),
        Unit.CACHE_READ: int(read.get("cacheReadInputTokenCount", 0)),
        Unit.CACHE_WRITE: int(read.get("cacheWriteInputTokenCount", 0)) - long_lived,
        Unit.CACHE_WRITE_1H: long_lived,
    }
    trace = (answer.get("trace") or {}).get("guardrail")
    if trace:
        for name, amount in units_of_trace(trace).items():
            if unit := USAGE_UNITS.get(name):
                units[unit] = amount
    if any(amount < 0 for amount in units.values()):
        raise BadRecord("a count is negative")
    return {unit: amount for unit, amount in units.items() if amount}, bool(trace)


def compressed(record: Json) -> bytes:
    """Return a record as one gzip member, which may be put behind others."""
    return gzip.compress(json.dumps(record, ensure_ascii=False).encode() + b"\n", 1)
