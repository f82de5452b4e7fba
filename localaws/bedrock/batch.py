"""Batch inference jobs: created, listed and stopped here, run by `batch_run`.

A job is a document on disk from the moment that CreateModelInvocationJob answers; one that kill -9
cut off begins anew with the next start, since its output appears only at its end.
https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws import catalog
from localaws.bedrock.batch_run import Runner
from localaws.catalog import FoundationModel
from localaws.errors import AwsError, invalid, missing
from localaws.guard.store import new_id, now, page
from localaws.iam.enforcement import Enforcement
from localaws.script import ScriptQueue
from localaws.state import JsonStore
from localaws.wire import Json, Request

COLLECTION = "batch-jobs"
OPEN = ("Submitted", "Validating", "Scheduled", "InProgress", "Stopping")
OPEN_JOBS_PER_MODEL = 20
WORKERS = 2

_NAME = re.compile(r"[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9+\-.]){0,63}")
_ROLE = re.compile(r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+")
_S3_URI = re.compile(r"s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](?:/.*)?")
_TOKEN = re.compile(r"[a-zA-Z0-9]{1,256}(-*[a-zA-Z0-9]){0,256}")
_IDENTIFIER = re.compile(r"(?:arn:aws[a-z-]*:bedrock:([a-z0-9-]+):(\d{12}):model-invocation-job/)?"
                         r"([a-z0-9]{12})")  # fmt: skip
_SHOWN = (
    "jobArn", "jobName", "modelId", "clientRequestToken", "roleArn", "status", "message",
    "submitTime", "lastModifiedTime", "endTime", "inputDataConfig", "outputDataConfig", "vpcConfig",
    "timeoutDurationInHours", "jobExpirationTime", "modelInvocationType", "totalRecordCount",
    "processedRecordCount", "successRecordCount", "errorRecordCount",
)  # fmt: skip
# What a repeated request must say again to be the same one.
_ASKED = ("jobName", "roleArn", "modelId", "inputDataConfig", "outputDataConfig")


class BatchJobs:
    """The jobs of every account and Region, and the threads that run them."""

    def __init__(
        self,
        store: JsonStore,
        runner: Runner,
        scripts: ScriptQueue,
        stopping: threading.Event,
        enforcement: Enforcement,
    ) -> None:
        self._enforcement = enforcement
        self._store = store
        self._runner = runner
        self._scripts = scripts
        self._stopping = stopping
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="batch")

    def start(self) -> None:
        """Run again what an earlier process did not finish."""
        for account, region in self._store.places(COLLECTION):
            for job in list(self._store.load(COLLECTION, account, region).values()):
                if job["status"] in OPEN or not job["metered"]:
                    self._submit(job)

    def stop(self) -> None:
        """Let running jobs go where they are: the next start takes them up."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, job: Json) -> None:
        if not self._stopping.is_set():
            self._pool.submit(self._runner.run, job)

    # Operations -----------------------------------------------------------------------------

    def create(self, request: Request, params: Json) -> Json:
        """CreateModelInvocationJob; a repeated clientRequestToken answers with the first job."""
        self._scripted("CreateModelInvocationJob", request, str(params.get("modelId", "")))
        account, region = request.caller.account, request.caller.region
        _checked(params)
        self._enforcement.role_taken(params["roleArn"], account)
        model = catalog.resolve(params["modelId"], account, region, self._store)
        kind = params.get("modelInvocationType", "InvokeModel")
        _supported(model, kind)
        with self._store.lock:
            jobs = self._store.load(COLLECTION, account, region)
            token = params.get("clientRequestToken")
            for job in jobs.values():
                if token and job.get("clientRequestToken") == token:
                    return _same(job, params)
            if any(job["jobName"] == params["jobName"] for job in jobs.values()):
                raise AwsError(
                    "ConflictException",
                    f"A model invocation job with the name {params['jobName']} already exists.",
                )
            active = [j for j in jobs.values() if j["status"] in OPEN and j["model"] == model.id]
            if len(active) >= OPEN_JOBS_PER_MODEL:
                raise AwsError(
                    "ServiceQuotaExceededException",
                    "The sum of in-progress and submitted batch inference jobs exceeds the "
                    f"quota of {OPEN_JOBS_PER_MODEL} for the model {model.id}.",
                )
            job = _job(request, params, model)
            jobs[job["id"]] = job
            self._store.save(COLLECTION, account, region)
        self._submit(job)
        return {"jobArn": job["jobArn"]}

    def get(self, request: Request, params: Json) -> Json:
        """GetModelInvocationJob."""
        self._scripted("GetModelInvocationJob", request, "")
        return _shown(self._find(request, params))

    def list(self, request: Request, params: Json) -> Json:
        """ListModelInvocationJobs, newest first unless asked otherwise."""
        jobs = self._store.load(COLLECTION, request.caller.account, request.caller.region)
        after, before = (_moment(params.get(f"submitTime{end}")) for end in ("After", "Before"))
        rows = [
            _shown(job)
            for job in sorted(jobs.values(), key=lambda job: str(job["submitTime"]))
            if params.get("statusEquals", job["status"]) == job["status"]
            and params.get("nameContains", "") in job["jobName"]
            and (after is None or datetime.fromisoformat(job["submitTime"]) > after)
            and (before is None or datetime.fromisoformat(job["submitTime"]) < before)
        ]
        if params.get("sortOrder", "Descending") == "Descending":
            rows.reverse()
        return page(params, "invocationJobSummaries", rows)

    def stop_job(self, request: Request, params: Json) -> Json:
        """StopModelInvocationJob; what was processed until then is written and billed."""
        with self._store.lock:
            job = self._find(request, params)
            if job["status"] not in OPEN:
                raise AwsError(
                    "ConflictException",
                    f"The job {job['jobArn']} is {job['status']} and cannot be stopped.",
                )
            job["status"], job["lastModifiedTime"] = "Stopping", now()
            self._store.save(COLLECTION, request.caller.account, request.caller.region)
        return {}

    def _find(self, request: Request, params: Json) -> Json:
        account, region = request.caller.account, request.caller.region
        found = _IDENTIFIER.fullmatch(params["jobIdentifier"])
        if found is None:
            raise invalid("The provided job identifier is invalid.")
        job = self._store.load(COLLECTION, account, region).get(found[3])
        if job is None or (found[1] and (found[1], found[2]) != (region, account)):
            raise missing("The provided resource ARN was not found; check the ARN and try again.")
        return job  # type: ignore[no-any-return]

    def _scripted(self, operation: str, request: Request, model_id: str) -> None:
        raw = request.body.decode("utf-8", "replace")
        script = self._scripts.take(operation, request.caller.region, model_id, raw)
        if script is not None:
            self._stopping.wait(script.first_delay_ms / 1000)
            if (refusal := script.refusal()) is not None:
                raise refusal


def _checked(params: Json) -> None:
    """Patterns and unions that botocore's validator leaves to the service."""
    source = params["inputDataConfig"].get("s3InputDataConfig")
    target = params["outputDataConfig"].get("s3OutputDataConfig")
    if not source or not target:
        raise invalid("s3InputDataConfig and s3OutputDataConfig are required.")
    for name, value, pattern in (
        ("jobName", params["jobName"], _NAME),
        ("roleArn", params["roleArn"], _ROLE),
        ("inputDataConfig.s3InputDataConfig.s3Uri", source["s3Uri"], _S3_URI),
        ("outputDataConfig.s3OutputDataConfig.s3Uri", target["s3Uri"], _S3_URI),
        ("clientRequestToken", params.get("clientRequestToken", "a"), _TOKEN),
    ):
        if not pattern.fullmatch(value):
            raise invalid(
                f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy "
                f"constraint: Member must satisfy regular expression pattern: {pattern.pattern}"
            )
    if not 24 <= params.get("timeoutDurationInHours", 24) <= 168:
        raise invalid("timeoutDurationInHours must be between 24 and 168.")


def _supported(model: FoundationModel, kind: str) -> None:
    """Text models and Titan's embeddings run in batch; Cohere's embeddings do not."""
    if model.kind == "embedding" and (model.provider != "Amazon" or kind == "Converse"):
        raise invalid("The provided model doesn't support batch inference in this format.")
    if model.kind == "text" and kind != "Converse":
        raise invalid(
            f"{model.id} answers Converse here; batch jobs of text models need "
            "modelInvocationType Converse at the local AWS."
        )


def _same(job: Json, params: Json) -> Json:
    if any(job[name] != params[name] for name in _ASKED):
        raise AwsError(
            "ConflictException",
            "The clientRequestToken was used for a request with other parameters.",
        )
    return {"jobArn": job["jobArn"]}


def _job(request: Request, params: Json, model: FoundationModel) -> Json:
    identifier, moment = new_id(), datetime.now(UTC)
    account, region = request.caller.account, request.caller.region
    hours = params.get("timeoutDurationInHours", 24)
    kept = {name: value for name, value in params.items() if name != "tags"}
    return {
        **kept,
        "modelInvocationType": params.get("modelInvocationType", "InvokeModel"),
        "timeoutDurationInHours": hours,
        "jobArn": f"arn:aws:bedrock:{region}:{account}:model-invocation-job/{identifier}",
        "status": "Submitted",
        "submitTime": _stamp(moment),
        "lastModifiedTime": _stamp(moment),
        "jobExpirationTime": _stamp(moment + timedelta(hours=hours)),
        "totalRecordCount": 0,
        "processedRecordCount": 0,
        "successRecordCount": 0,
        "errorRecordCount": 0,
        "id": identifier,
        "account": account,
        "region": region,
        "model": model.id,
        "tags": {tag["key"]: tag["value"] for tag in params.get("tags", [])},
        "usage": {"inputTokens": 0, "outputTokens": 0},
        "metered": False,
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid(f"{value} is not a timestamp.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _shown(job: Json) -> Json:
    return {name: job[name] for name in _SHOWN if job.get(name) is not None}
