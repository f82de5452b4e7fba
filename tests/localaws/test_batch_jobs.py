"""Batch inference jobs over the real wire: states, records' errors, quotas, stops and restarts."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws.conftest import NOVA, Server, user
from tests.support.waiting import eventually

TITAN = "amazon.titan-embed-text-v2:0"
ROLE = "arn:aws:iam::123456789012:role/batch"
ENDED = ("Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired")


def role(server: Server, name: str, *resources: str) -> str:
    """Make a role that the service may take, for these objects and every model."""
    iam = server.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}}
    allowed = [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": resources},
        {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"},
    ]
    version = {"Version": "2012-10-17"}
    arn = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {**version, "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
        ),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=name,
        PolicyName="files",
        PolicyDocument=json.dumps({**version, "Statement": allowed}),
    )
    return str(arn)


class Jobs:
    """A bucket, jobs over what is put into it, and what they write."""

    def __init__(self, server: Server, bucket: str) -> None:
        self.server, self.bucket = server, bucket
        self.s3, self.bedrock = server.client("s3"), server.client("bedrock")
        with suppress(ClientError):  # made already
            role(server, "batch", "arn:aws:s3:::*")

    def put(self, key: str, lines: list[Any]) -> None:
        body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode())

    def create(self, source: str, **members: Any) -> str:
        asked = {
            "jobName": f"job-{uuid.uuid4().hex[:12]}",
            "roleArn": ROLE,
            "modelId": TITAN,
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": f"s3://{self.bucket}/{source}"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"s3://{self.bucket}/out/"}},
        }
        return str(self.bedrock.create_model_invocation_job(**{**asked, **members})["jobArn"])

    def state(self, arn: str) -> dict[str, Any]:
        return dict(self.bedrock.get_model_invocation_job(jobIdentifier=arn))

    def ended(self, arn: str, within: float = 90) -> dict[str, Any]:
        eventually(
            lambda: self.state(arn)["status"] in ENDED, within=within, saying="the job's end"
        )
        return self.state(arn)

    def read(self, arn: str, name: str) -> str:
        key = f"out/{arn.rpartition('/')[2]}/{name}"
        found = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
        return str(found)

    def lines(self, arn: str, name: str = "in.jsonl.out") -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(arn, name).splitlines()]


@pytest.fixture
def jobs(server: Server) -> Iterator[Jobs]:
    bucket = f"batch-{uuid.uuid4().hex[:8]}"
    server.client("s3").create_bucket(Bucket=bucket)
    yield Jobs(server, bucket)


def records(count: int, **members: Any) -> list[dict[str, Any]]:
    return [
        {
            "recordId": f"record{number:05d}",
            "modelInput": {"inputText": f"text number {number}", "dimensions": 512, **members},
        }
        for number in range(count)
    ]


def refused(action: Any) -> str:
    with pytest.raises(ClientError) as error:
        action()
    return str(error.value.response["Error"]["Code"])


def test_a_job_answers_every_record_as_invoke_model_does(jobs: Jobs, runtime: Any) -> None:
    jobs.put("in/in.jsonl", records(120))
    arn = jobs.create("in/in.jsonl", tags=[{"key": "TenantId", "value": "acme"}])
    job = jobs.ended(arn)
    assert job["status"] == "Completed"
    counts = [job[f"{kind}RecordCount"] for kind in ("total", "processed", "success", "error")]
    assert counts == [120, 120, 120, 0]
    lines = {line["recordId"]: line for line in jobs.lines(arn)}
    assert len(lines) == 120
    line = lines["record00007"]
    alone = runtime.invoke_model(modelId=TITAN, body=json.dumps(line["modelInput"]))
    assert line["modelOutput"] == json.loads(alone["body"].read())
    used = sum(line["modelOutput"]["inputTextTokenCount"] for line in lines.values())
    manifest = json.loads(jobs.read(arn, "manifest.json.out"))
    assert (manifest["inputTokenCount"], manifest["successRecordCount"]) == (used, 120)
    tags = jobs.bedrock.list_tags_for_resource(resourceARN=arn)["tags"]
    assert tags == [{"key": "TenantId", "value": "acme"}]
    job_id = arn.rpartition("/")[2]
    (call,) = [c for c in jobs.server.requests() if c["requestId"] == job_id]
    assert call["operation"] == "ModelInvocationJob"
    assert (call["batch"], call["usage"]["inputTokens"]) == (True, used)


def test_records_fail_alone(jobs: Jobs) -> None:
    lines: list[Any] = records(100)
    lines[3] = '{"recordId": "broken", "modelInput": {'
    lines[4] = {"modelInput": {"inputText": "no id"}}
    lines[5] = {"recordId": "without", "input": 1}
    lines[6]["modelInput"]["dimensions"] = 300
    lines[7]["modelInput"]["inputText"] = "word " * 9000
    jobs.server.script(
        {
            "match": {"operation": "ModelInvocationJobRecord", "contains": 'text number 9"'},
            "error": {"code": "InternalServerException", "message": "Try again", "status": 500},
        }
    )
    jobs.put("in/in.jsonl", lines)
    arn = jobs.create("in/in.jsonl")
    job = jobs.ended(arn)
    assert (job["status"], job["successRecordCount"], job["errorRecordCount"]) == (
        "Completed", 95, 5,
    )  # fmt: skip
    found = jobs.lines(arn)
    errors = {line["recordId"]: line["error"] for line in found if "error" in line}
    assert errors["record00006"]["errorCode"] == 400
    assert errors["record00009"] == {"errorCode": 500, "errorMessage": "Try again"}
    assert "Too many input tokens" in errors["record00007"]["errorMessage"]
    assert {"without", "CALL0000004"} <= set(errors)
    assert "modelOutput" in next(line for line in found if line["recordId"] == "CALL0000005")


def test_a_prefix_is_several_files_and_each_has_its_output(jobs: Jobs) -> None:
    jobs.put("many/a.jsonl", records(60))
    jobs.put("many/b.jsonl", records(60))
    jobs.put("many/notes.txt", ["not read"])
    arn = jobs.create("many/")
    assert jobs.ended(arn)["totalRecordCount"] == 120
    assert len(jobs.lines(arn, "a.jsonl.out")) == len(jobs.lines(arn, "b.jsonl.out")) == 60


def test_quotas_end_a_job_with_a_message(jobs: Jobs) -> None:
    jobs.put("few/in.jsonl", records(99))
    job = jobs.ended(jobs.create("few/in.jsonl"))
    assert job["status"] == "Failed"
    assert "contains less records (99) than the required minimum of: 100" in job["message"]
    job = jobs.ended(jobs.create("nothing/in.jsonl"))
    assert job["status"] == "Failed"
    assert "no .jsonl file" in job["message"]


def test_the_service_role_decides_what_a_job_reads_and_writes(jobs: Jobs) -> None:
    jobs.put("acme/in.jsonl", records(100))
    name = f"narrow-{uuid.uuid4().hex[:6]}"
    narrow = role(jobs.server, name, f"arn:aws:s3:::{jobs.bucket}/globex/*")
    job = jobs.ended(jobs.create("acme/in.jsonl", roleArn=narrow))
    assert job["status"] == "Failed"
    assert "is not authorized to perform: s3:GetObject" in job["message"]
    assert refused(lambda: jobs.create("acme/in.jsonl", roleArn=f"{ROLE}-of-nobody"))


def test_a_repeated_token_makes_no_second_job(jobs: Jobs) -> None:
    jobs.put("in/in.jsonl", records(100))
    asked = {"clientRequestToken": uuid.uuid4().hex, "jobName": f"once-{uuid.uuid4().hex[:8]}"}
    arn = jobs.create("in/in.jsonl", **asked)
    assert jobs.create("in/in.jsonl", **asked) == arn
    assert refused(lambda: jobs.create("other/", **asked)) == "ConflictException"
    asked["clientRequestToken"] = "another"
    assert refused(lambda: jobs.create("in/in.jsonl", **asked)) == "ConflictException"
    listed = jobs.bedrock.list_model_invocation_jobs(nameContains=asked["jobName"])
    assert [row["jobArn"] for row in listed["invocationJobSummaries"]] == [arn]


def test_what_cannot_be_asked_is_refused_at_once(jobs: Jobs) -> None:
    invalid = "ValidationException"
    assert refused(lambda: jobs.create("in/", modelId="no.such-model")) == invalid
    assert refused(lambda: jobs.create("in/", modelId="cohere.embed-v4:0")) == invalid
    assert refused(lambda: jobs.create("in/", roleArn="batch")) == invalid
    assert refused(lambda: jobs.create("in/", jobName="a b")) == invalid
    assert refused(lambda: jobs.create("in/", timeoutDurationInHours=200)) == invalid
    missing = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/aaaaaaaaaaaa"
    assert refused(lambda: jobs.state(missing)) == "ResourceNotFoundException"
    assert refused(lambda: jobs.state("short")) == invalid
    jobs.server.script(
        {"match": {"operation": "CreateModelInvocationJob"}, "error": {}, "times": 1}
    )
    jobs.server.script(
        {
            "match": {"operation": "CreateModelInvocationJob"},
            "error": {"code": "ThrottlingException"},
        }
    )
    jobs.put("in/in.jsonl", records(100))
    assert refused(lambda: [jobs.create("in/in.jsonl") for _ in range(2)]) == "ThrottlingException"


def test_a_stopped_or_expired_job_keeps_what_it_did(jobs: Jobs) -> None:
    jobs.put("in/in.jsonl", records(600))
    jobs.server.script({"match": {"operation": "ModelInvocationJob"}, "delay_ms": 20_000})
    arn = jobs.create("in/in.jsonl")
    eventually(lambda: jobs.state(arn)["processedRecordCount"], saying="progress")
    jobs.bedrock.stop_model_invocation_job(jobIdentifier=arn)
    job = jobs.ended(arn)
    assert job["status"] == "Stopped"
    assert 0 < job["processedRecordCount"] == len(jobs.lines(arn)) < 600
    again = refused(lambda: jobs.bedrock.stop_model_invocation_job(jobIdentifier=arn))
    assert again == "ConflictException"
    jobs.server.script({"match": {"operation": "ModelInvocationJob"}, "truncate_after": 40})
    arn = jobs.create("in/in.jsonl")
    job = jobs.ended(arn)
    assert (job["status"], job["processedRecordCount"]) == ("Expired", 40)


def test_conversations_run_in_batch(jobs: Jobs) -> None:
    body = {"messages": [user("hello")], "inferenceConfig": {"maxTokens": 60}}
    lines = [{"recordId": f"talk{n:08d}", "modelInput": body} for n in range(100)]
    lines[1] = {"recordId": "guarded", "modelInput": {**body, "guardrailConfig": {}}}
    jobs.put("in/in.jsonl", lines)
    arn = jobs.create("in/in.jsonl", modelId=NOVA, modelInvocationType="Converse")
    job = jobs.ended(arn)
    assert (job["successRecordCount"], job["errorRecordCount"]) == (99, 1)
    line = next(line for line in jobs.lines(arn) if line["recordId"] == "talk00000000")
    assert line["modelOutput"]["output"]["message"]["content"][0]["text"]
    assert line["modelOutput"]["usage"]["inputTokens"] > 0


def test_a_job_cut_off_by_kill_begins_anew_and_is_metered_once(start: Any) -> None:
    first = start()
    first.client("s3").create_bucket(Bucket="kept")
    jobs = Jobs(first, "kept")
    jobs.put("in/in.jsonl", records(600))
    first.script({"match": {"operation": "ModelInvocationJob"}, "delay_ms": 20_000})
    arn = jobs.create("in/in.jsonl")
    eventually(lambda: jobs.state(arn)["processedRecordCount"], saying="progress")
    first.process.kill()
    first.stop()
    jobs = Jobs(start(), "kept")
    job = jobs.ended(arn)
    assert (job["status"], job["processedRecordCount"]) == ("Completed", 600)
    assert len({line["recordId"] for line in jobs.lines(arn)}) == 600
    metered = [c for c in jobs.server.requests() if c["operation"] == "ModelInvocationJob"]
    assert len(metered) == 1


def test_ten_thousand_records_end_within_a_minute(jobs: Jobs) -> None:
    text = "The traveller keeps every receipt and hands it in within a month. " * 10
    lines = records(10_000)
    for line in lines:
        line["modelInput"]["inputText"] += text
    jobs.put("in/in.jsonl", lines)
    began = time.monotonic()
    job = jobs.ended(jobs.create("in/in.jsonl"))
    taken = time.monotonic() - began
    assert job["successRecordCount"] == 10_000
    print(f"10,000 records in {taken:.1f} s")
    assert taken < 60
