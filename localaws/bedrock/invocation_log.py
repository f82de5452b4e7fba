"""Model invocation logs, delivered to S3 in Bedrock's format and key layout.

Records wait in memory for about a second and are delivered by one thread in gzip files of JSON
lines, one file for each account, Region and hour; what waits is delivered when the process stops.
`LogFaults` says which deliveries go wrong, for tests of who reads them.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
"""

from __future__ import annotations

import gzip
import json
import secrets
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localaws import catalog
from localaws.bedrock.logfaults import LogFaults
from localaws.calls import Call
from localaws.errors import invalid
from localaws.objects import ObjectStore
from localaws.state import JsonStore
from localaws.wire import Json, Request

FLUSH_SECONDS = 1.0
INLINE_BYTES = 100 * 1024
MARKER = "amazon-bedrock-logs-permission-check"


class InvocationLog:
    """Takes finished calls and delivers their records where logging is configured."""

    def __init__(self, store: JsonStore, objects: ObjectStore) -> None:
        self.faults = LogFaults()
        self._store = store
        self._objects = objects
        self._waiting: list[Call] = []
        self._lock = threading.Lock()
        self._delivering = threading.Lock()
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

    def put_logging(self, request: Request, params: Json) -> Json:
        """PutModelInvocationLoggingConfiguration: one for each account and Region.

        The service proves with a marker object that it may write to the bucket.
        """
        config = params["loggingConfig"].get("s3Config")
        if not config:
            raise invalid(
                "The local AWS delivers invocation logs to S3: loggingConfig.s3Config is needed."
            )
        caller = request.caller
        if self._objects.bucket(config["bucketName"]) is None:
            raise invalid(f"Failed to validate permissions for bucket {config['bucketName']}.")
        with self._store.lock:
            document = self._store.load("logging", caller.account, caller.region)
            document["loggingConfig"] = params["loggingConfig"]
            self._store.save("logging", caller.account, caller.region)
        root = _root(config, caller.account, caller.region).rpartition("/")[0]
        self._objects.put(config["bucketName"], f"{root}/{MARKER}", b"", "text/plain")
        return {}

    def _config(self, call: Call) -> Json:
        document = self._store.load("logging", call.account, call.region)
        config: Json = document.get("loggingConfig") or {}
        embedding = call.operation == "InvokeModel" and "embeddings" in (call.output or {})
        wanted = "embeddingDataDeliveryEnabled" if embedding else "textDataDeliveryEnabled"
        return config if config.get(wanted, True) else {}

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()
        self.flush(everything=True)

    def flush(self, *, everything: bool = False) -> int:
        """Deliver what waits and is due; return how many records are still held back."""
        with self._delivering:
            with self._lock:
                calls, held = self.faults.due(self._waiting, time.time(), everything)
                self._waiting = held
            files: dict[tuple[str, str], list[Json]] = defaultdict(list)
            for call in calls:
                config = self._config(call).get("s3Config")
                if config and self._objects.bucket(config["bucketName"]) is not None:
                    moment = datetime.fromtimestamp(call.started, UTC)
                    folder = f"{_root(config, call.account, call.region)}/{moment:%Y/%m/%d/%H}"
                    spill = self._spiller(config["bucketName"], folder, call)
                    record = _record(call, moment, spill, self._inference_region(call))
                    files[config["bucketName"], folder].append(record)
            for (bucket, folder), records in files.items():
                self._deliver(bucket, folder, records)
            return len(held)

    def _deliver(self, bucket: str, folder: str, records: list[Json]) -> None:
        for part in self.faults.arranged(records):
            lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in part)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
            name = f"{folder}/{stamp}_{secrets.token_hex(8)}.json.gz"
            whole = gzip.compress(lines.encode(), 6)
            self._objects.put(
                bucket, name, self.faults.cut(bucket, name, whole), "application/gzip"
            )

    def repair(self) -> int:
        """Deliver the files that were cut short again, whole, under their own names."""
        cut = self.faults.taken()
        for bucket, name, whole in cut:
            self._objects.put(bucket, name, whole, "application/gzip")
        return len(cut)

    def _inference_region(self, call: Call) -> str:
        """The Region that served: of a cross-Region profile any one, of the same call the same."""
        places = catalog.places(call.model_id, call.account, call.region, self._store)
        return places[zlib.crc32(call.request_id.encode()) % len(places)]

    def _spiller(self, bucket: str, folder: str, call: Call) -> Callable[[str, bytes], str]:
        def spill(side: str, content: bytes) -> str:
            key = f"{folder}/data/{call.request_id}_{side}.json.gz"
            self._objects.put(bucket, key, gzip.compress(content, 6), "application/gzip")
            return f"s3://{bucket}/{key}"

        return spill


def _root(config: Json, account: str, region: str) -> str:
    prefix = str(config.get("keyPrefix") or "").strip("/")
    return f"{prefix}/AWSLogs/{account}/BedrockModelInvocationLogs/{region}".lstrip("/")


def _record(
    call: Call, moment: datetime, spill: Callable[[str, bytes], str], served_in: str
) -> Json:
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
        "inferenceRegion": served_in,
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
