"""One batch job from its input files to its output files.

Records are read, embedded and written some hundreds at a time, so that memory does not grow with
the job. Each input file `a.jsonl` becomes `{output}/{job id}/a.jsonl.out`, the counts
`{output}/{job id}/manifest.json.out`.
https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws import catalog
from localaws.bedrock import embeddings
from localaws.bedrock.batch_text import BatchText
from localaws.calls import Call, CallLog
from localaws.embedder import Embedder
from localaws.errors import AwsError, invalid
from localaws.guard.store import now
from localaws.iam.enforcement import Enforcement
from localaws.objects import ObjectStore
from localaws.script import Script, ScriptQueue
from localaws.state import JsonStore
from localaws.wire import Json

MIN_RECORDS = 100
MAX_RECORDS = 50_000
MAX_FILE_BYTES = 1_000_000_000
MAX_JOB_BYTES = 5_000_000_000
AT_ONCE = 256  # records
SAVE_SECONDS = 0.5

log = logging.getLogger(__name__)


class JobFailed(Exception):
    """The job cannot be run; the text is its `message`."""


@dataclass
class Record:
    """One line of input: what it holds, and what becomes of it."""

    id: str
    input: Any
    output: str = ""
    error: AwsError | None = None
    tokens: tuple[int, int] = (0, 0)

    def line(self) -> str:
        """The line of output; `modelInput` is echoed, as the service does."""
        given = json.dumps(self.input, ensure_ascii=False)
        start = f'{{"modelInput": {given}, "recordId": {json.dumps(self.id)}'
        if self.error is None:
            return f'{start}, "modelOutput": {self.output}}}\n'
        error = {"errorCode": self.error.status, "errorMessage": self.error.message}
        return f'{start}, "error": {json.dumps(error, ensure_ascii=False)}}}\n'


@dataclass
class Run:
    """One pass over a job, and how it has to end."""

    job: Json
    script: Script | None
    ends: str = ""
    saved: float = field(default_factory=time.monotonic)


class Runner:
    """Runs jobs, each in a thread of the caller's."""

    def __init__(
        self,
        *,
        store: JsonStore,
        objects: ObjectStore,
        embedder: Embedder,
        text: BatchText,
        scripts: ScriptQueue,
        log: CallLog,
        stopping: threading.Event,
        enforcement: Enforcement,
    ) -> None:
        self._enforcement = enforcement
        self._store = store
        self._objects = objects
        self._embedder = embedder
        self._text = text
        self._scripts = scripts
        self._log = log
        self._stopping = stopping

    def run(self, job: Json) -> None:
        """Bring a job to its end, unless the process stops first. Never raises."""
        try:
            if job["status"] not in ("Completed", "PartiallyCompleted", "Failed", "Stopped",
                                     "Expired"):  # fmt: skip
                self._run(job)
            if not self._stopping.is_set():
                self._meter(job)
        except Exception:
            log.exception("batch job %s", job["jobArn"])
            if not self._stopping.is_set():
                self._end(job, "Failed", "Internal error. Submit the job again.")
                self._meter(job)

    # The states -----------------------------------------------------------------------------

    def _run(self, job: Json) -> None:
        script = self._scripts.take("ModelInvocationJob", job["region"], job["modelId"], "")
        run = Run(job, script)
        try:
            self._state(job, "Validating")
            files = self._validated(job)
            self._state(job, "Scheduled")
            if script is not None:
                self._pause(job, script.first_delay_ms / 1000)
                if (refusal := script.refusal()) is not None:
                    raise JobFailed(refusal.message)
            self._state(job, "InProgress")
            self._process(run, files)
        except JobFailed as failure:
            self._end(job, "Failed", str(failure))

    def _state(self, job: Json, status: str) -> None:
        with self._store.lock:
            if job["status"] != "Stopping":
                job["status"] = status
            self._save(job)

    def _save(self, job: Json) -> None:
        with self._store.lock:
            job["lastModifiedTime"] = now()
            self._store.save("batch-jobs", job["account"], job["region"])

    def _end(self, job: Json, status: str, message: str = "") -> None:
        with self._store.lock:
            job["status"], job["endTime"] = status, now()
            if message:
                job["message"] = message
            self._save(job)

    def _pause(self, job: Json, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and job["status"] != "Stopping":
            if self._stopping.wait(0.02):
                return

    # Validation -----------------------------------------------------------------------------

    def _validated(self, job: Json) -> dict[str, Path]:
        """The input files by name. The shape of `modelInput` is not looked at, as in AWS."""
        bucket, key = _location(job["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])
        target, _ = _location(job["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
        if self._objects.bucket(bucket) is None or self._objects.bucket(target) is None:
            raise JobFailed("The S3 bucket of the input or the output does not exist.")
        found = {
            name: path
            for name, path in self._objects.files(bucket, key).items()
            if name.endswith(".jsonl")
        }
        self._permitted(job, [f"{bucket}/{name}" for name in found])
        if not found:
            raise JobFailed(f"There is no .jsonl file at s3://{bucket}/{key}.")
        sizes = [path.stat().st_size for path in found.values()]
        if max(sizes) > MAX_FILE_BYTES or sum(sizes) > MAX_JOB_BYTES:
            raise JobFailed("The input is larger than a file of 1 GB or a job of 5 GB may be.")
        counts = [sum(1 for _ in _lines(path)) for path in found.values()]
        total, most = sum(counts), max(counts)
        if total < MIN_RECORDS:
            raise JobFailed(f"Batch job: {job['jobArn']} contains less records ({total}) than the "
                            f"required minimum of: {MIN_RECORDS}")  # fmt: skip
        if most > MAX_RECORDS or total > MAX_RECORDS:
            raise JobFailed(f"Batch job: {job['jobArn']} contains more records ({total}) than the "
                            f"allowed maximum of: {MAX_RECORDS}")  # fmt: skip
        with self._store.lock:
            job["totalRecordCount"] = total
        return found

    def _permitted(self, job: Json, sources: list[str]) -> None:
        """Ask for everything that the service role has to do: read, call the model, write."""
        role, region = job["roleArn"], job["region"]
        bucket, prefix = _location(job["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
        manifest = f"{bucket}/{_joined(prefix, job['id'], 'manifest.json.out')}"
        wanted = [("s3:GetObject", name) for name in sources] + [("s3:PutObject", manifest)]
        refusals = [
            self._enforcement.role_may(role, action, f"arn:aws:s3:::{name}", region=region)
            for action, name in wanted
        ]
        refusals.append(self._enforcement.role_may_invoke(role, job["modelId"], region=region))
        if refused := [words for words in refusals if words]:
            raise JobFailed(refused[0])

    # Processing -----------------------------------------------------------------------------

    def _process(self, run: Run, files: dict[str, Path]) -> None:
        job = run.job
        with self._store.lock:  # a job that begins anew counts anew
            job |= {f"{kind}RecordCount": 0 for kind in ("processed", "success", "error")}
            job["usage"] = {"inputTokens": 0, "outputTokens": 0}
        bucket, prefix = _location(job["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
        numbers = itertools.count(1)
        written = []
        for name, path in files.items():
            body = self._objects.new_body(bucket)
            written.append((name.rpartition("/")[2] + ".out", body))
            with body.open("w", encoding="utf-8") as out:
                for lines in _some(path):
                    if self._stopping.is_set():
                        body.unlink()
                        return
                    if not run.ends:
                        records = [self._record(job, line, next(numbers)) for line in lines]
                        self._answer(job, records)
                        out.writelines(self._counted(run, records))
        for name, body in written:
            key = _joined(prefix, job["id"], name)
            self._objects.put_file(bucket, key, body, "application/octet-stream")
        self._manifest(job, bucket, prefix)
        self._end(job, run.ends or "Completed")

    def _record(self, job: Json, line: bytes, number: int) -> Record:
        """Read a line. One that is no JSON is a record whose input is its text."""
        made = f"CALL{number:07d}"
        raw = line.decode("utf-8", "replace").rstrip("\r\n")
        try:
            given = json.loads(raw)
        except ValueError:
            error = invalid("Invalid JSON in the input line.")
            return Record(made, raw, error=error)
        if not isinstance(given, dict) or "modelInput" not in given:
            named = given.get("recordId") if isinstance(given, dict) else None
            return Record(str(named or made), given, error=invalid("The record has no modelInput."))
        record = Record(str(given.get("recordId") or made), given["modelInput"])
        script = self._scripts.take("ModelInvocationJobRecord", job["region"], job["modelId"], raw)
        if script is not None:
            record.error = script.refusal()
        return record

    def _answer(self, job: Json, records: list[Record]) -> None:
        """Give each record its output or its error."""
        model = catalog.models()[job["model"]]
        asked: list[embeddings.Wanted] = []
        waiting = []
        for record in (r for r in records if r.error is None):
            try:
                if model.kind == "text":
                    record.output, record.tokens = self._text.answer(record.input, model)
                else:
                    asked.append(embeddings.wanted(record.input, model))
                    waiting.append(record)
            except AwsError as error:
                record.error = error
        for record, found in zip(waiting, embeddings.answered(asked, self._embedder), strict=True):
            record.output, record.error = found.body, found.error
            record.tokens = (found.tokens, 0)

    def _counted(self, run: Run, records: list[Record]) -> Iterator[str]:
        """The lines of the records that are processed before the job has to end."""
        job, script = run.job, run.script
        for record in records:
            processed = job["processedRecordCount"]
            if script is not None and script.truncate_after == processed:
                run.ends = "Expired"
            if job["status"] == "Stopping":
                run.ends = "Stopped"
            elif datetime.now(UTC) > datetime.fromisoformat(job["jobExpirationTime"]):
                run.ends = "Expired"
            if run.ends:
                break
            job["processedRecordCount"] = processed + 1
            job["successRecordCount" if record.error is None else "errorRecordCount"] += 1
            job["usage"]["inputTokens"] += record.tokens[0]
            job["usage"]["outputTokens"] += record.tokens[1]
            yield record.line()
        if time.monotonic() - run.saved > SAVE_SECONDS:
            run.saved = time.monotonic()
            self._save(job)
        if script is not None and script.delay_ms:
            self._save(job)
            self._pause(job, script.delay_ms / 1000)

    def _manifest(self, job: Json, bucket: str, prefix: str) -> None:
        counts = {
            name: job[name]
            for name in ("totalRecordCount", "processedRecordCount", "successRecordCount",
                         "errorRecordCount")
        }  # fmt: skip
        counts["inputTokenCount"] = job["usage"]["inputTokens"]
        counts["outputTokenCount"] = job["usage"]["outputTokens"]
        key = _joined(prefix, job["id"], "manifest.json.out")
        self._objects.put(bucket, key, json.dumps(counts).encode(), "application/json")

    # Usage ----------------------------------------------------------------------------------

    def _meter(self, job: Json) -> None:
        """Put the whole job's usage among the calls, once; its request id is the job's id.

        Invocation logging covers calls to bedrock-runtime, so a job is not in the log.
        """
        if job["metered"]:
            return
        role = job["roleArn"].rpartition("/")[2]
        session = f"arn:aws:sts::{job['account']}:assumed-role/{role}/BatchInference-{job['id']}"
        used = dict(job["usage"])
        call = Call(
            operation="ModelInvocationJob",
            request_id=job["id"],
            account=job["account"],
            region=job["region"],
            identity=session,
            session_tags={},
            model_id=job["modelId"],
            body={"jobArn": job["jobArn"], "records": job["processedRecordCount"]},
            usage={**used, "totalTokens": sum(used.values())},
            stop_reason=job["status"],
            batch=True,
        )
        self._log.add(call)
        self._log.finish(call)
        with self._store.lock:
            job["metered"] = True
            self._save(job)


def _location(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _joined(prefix: str, *names: str) -> str:
    return "/".join([*([prefix.strip("/")] if prefix.strip("/") else []), *names])


def _some(path: Path) -> Iterator[list[bytes]]:
    lines = _lines(path)
    while some := list(itertools.islice(lines, AT_ONCE)):
        yield some


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that hold anything."""
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield line
