"""Model invocation logs, delivered to S3 in Bedrock's format and key layout.

Records wait in memory for about a second and are delivered by one thread in gzip files of JSON
lines, one file for each account, Region and hour; what waits is delivered when the process stops.
"""

from __future__ import annotations

import gzip
import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localaws.calls import Call
from localaws.objects import ObjectStore
from localaws.state import JsonStore
from localaws.wire import Json

FLUSH_SECONDS = 1.0
INLINE_BYTES = 100 * 1024


class InvocationLog:
    """Takes finished calls and delivers their records where logging is configured."""

    def __init__(self, store: JsonStore, objects: ObjectStore) -> None:
        self._store = store
        self._objects = objects
        self._waiting: list[Call] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="invocation-log", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver what waits, then end."""
        self._stop.set()
        self._thread.join(timeout=2)

    def add(self, call: Call) -> None:
        """Take a finished call; calls that logging does not cover are let go."""
        if call.loggable and self._config(call):
            with self._lock:
                self._waiting.append(call)

    def _config(self, call: Call) -> Json:
        document = self._store.load("logging", call.account, call.region)
        config: Json = document.get("loggingConfig") or {}
        embedding = call.operation == "InvokeModel"
        wanted = "embeddingDataDeliveryEnabled" if embedding else "textDataDeliveryEnabled"
        return config if config.get(wanted, True) else {}

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()
        self.flush()

    def flush(self) -> None:
        """Deliver everything that waits."""
        with self._lock:
            calls, self._waiting = self._waiting, []
        files: dict[tuple[str, str], list[Json]] = defaultdict(list)
        for call in calls:
            config = self._config(call).get("s3Config")
            if config and self._objects.bucket(config["bucketName"]) is not None:
                moment = datetime.fromtimestamp(call.started, UTC)
                folder = _folder(config, call, moment)
                record = _record(call, moment, self._spiller(config["bucketName"], folder, call))
                files[config["bucketName"], folder].append(record)
        for (bucket, folder), records in files.items():
            lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
            name = f"{folder}/{stamp}_{secrets.token_hex(8)}.json.gz"
            self._objects.put(bucket, name, gzip.compress(lines.encode(), 6), "application/gzip")

    def _spiller(self, bucket: str, folder: str, call: Call) -> Callable[[str, bytes], str]:
        def spill(side: str, content: bytes) -> str:
            key = f"{folder}/data/{call.request_id}_{side}.json.gz"
            self._objects.put(bucket, key, gzip.compress(content, 6), "application/gzip")
            return f"s3://{bucket}/{key}"

        return spill


def _folder(config: Json, call: Call, moment: datetime) -> str:
    prefix = str(config.get("keyPrefix") or "").strip("/")
    where = f"AWSLogs/{call.account}/BedrockModelInvocationLogs/{call.region}"
    return f"{prefix}/{where}/{moment:%Y/%m/%d/%H}".lstrip("/")


def _record(call: Call, moment: datetime, spill: Callable[[str, bytes], str]) -> Json:
    usage = call.usage
    record: Json = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "accountId": call.account,
        "region": call.region,
        "requestId": call.request_id,
        "operation": call.operation,
        "modelId": call.model_id,
        "identity": {"arn": call.identity},
        "inferenceRegion": call.region,
        "input": _side("input", call.body, spill),
        "output": _side("output", call.output, spill) if call.output is not None else {},
    }
    if call.request_metadata:
        record["requestMetadata"] = call.request_metadata
    if call.error:
        record["errorCode"] = call.error
        return record
    record["input"]["inputTokenCount"] = usage.get("inputTokens", 0)
    for kind in ("cacheRead", "cacheWrite"):
        if f"{kind}InputTokens" in usage:
            record["input"][f"{kind}InputTokenCount"] = usage[f"{kind}InputTokens"]
    if "outputTokens" in usage:
        record["output"]["outputTokenCount"] = usage["outputTokens"]
    return record


def _side(name: str, body: Any, spill: Callable[[str, bytes], str]) -> Json:
    content = json.dumps(body, ensure_ascii=False, default=str)
    side: Json = {f"{name}ContentType": "application/json"}
    if len(content) > INLINE_BYTES:
        side[f"{name}BodyS3Path"] = spill(name, content.encode())
    else:
        side[f"{name}BodyJson"] = json.loads(content)
    return side
