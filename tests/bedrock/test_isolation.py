"""What a tenant's vended credentials can do by themselves, straight over the wire.

`GUARDRAIL_BYPASSES` says how often the bypasses are tried, 400 times unless given.
"""

import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock import gateway, policy
from bedrock.deployment import resource_prefix
from bedrock.roles import POLICY, document, roles_ensure
from tenants.aws import role_arn, vending
from tenants.context import TenantContext, entered
from tenants.objects import bucket, object_get, object_put
from tenants.vending import Wanted
from tests.bedrock.asking import question
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db
BYPASSES = int(os.environ.get("GUARDRAIL_BYPASSES", "400"))
HELLO = [{"role": "user", "content": [{"text": "hello"}]}]
NOVA = "amazon.nova-lite-v1:0"
DENIED = ("AccessDenied", "AccessDeniedException")


def raw(
    service: str, region: str, tenant: TenantContext | None = None, role: Any = "tenant"
) -> Any:
    """A plain boto3 client: a tenant's vended credentials, or the account's administrator."""
    keys: dict[str, Any] = {"aws_access_key_id": "admin", "aws_secret_access_key": "admin"}
    if tenant:
        given = vending.credentials(Wanted.for_tenant(tenant, role))
        keys = {
            "aws_access_key_id": given.access_key,
            "aws_secret_access_key": given.secret_key,
            "aws_session_token": given.token,
        }
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        **keys,
    )


def refused(call: Callable[..., Any], **params: Any) -> bool:
    """Whether IAM refuses a call; any other failure is the test's."""
    try:
        call(**params)
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return True
        raise
    return False


@dataclass
class Things:
    """What acme's session may and may not reach, all in acme's Region."""

    tenant: TenantContext
    profile: str
    guardrail: dict[str, Any]
    own_guardrail: str
    foreign_guardrail: dict[str, Any]
    foreign_profile: str
    throughput: str
    bases: dict[str, str]


@pytest.fixture
def things(acme: TenantContext, globex: TenantContext) -> Iterator[Things]:
    """Resources in acme's Region with acme's tags, globex's, and no tenant's."""
    region, shared = acme.region, {"Deployment": resource_prefix()}
    with entered(acme):
        found = policy.policy_of(acme, "small")
    bedrock, agent = raw("bedrock", region), raw("bedrock-agent", region)
    mark = uuid.uuid4().hex[:8]

    def tags(**more: str) -> list[dict[str, str]]:
        return [{"key": k, "value": v} for k, v in (shared | more).items()]

    def guard(tenant: TenantContext) -> str:
        made = bedrock.create_guardrail(
            name=f"{tenant.slug}-{mark}",
            blockedInputMessaging="no",
            blockedOutputsMessaging="no",
            wordPolicyConfig={"wordsConfig": [{"text": "xyzzy"}]},
            tags=tags(TenantId=str(tenant.id), Posture=tenant.posture),
        )["guardrailId"]
        bedrock.create_guardrail_version(guardrailIdentifier=made)
        return str(made)

    bases = {}
    for name, owner in (("own", acme), ("foreign", globex), ("shared", None)):
        bases[name] = agent.create_knowledge_base(
            name=f"{name}-{mark}",
            roleArn=role_arn("knowledge"),
            knowledgeBaseConfiguration={
                "type": "MANAGED",
                "managedKnowledgeBaseConfiguration": {
                    "embeddingModelArn": f"arn:aws:bedrock:{region}::foundation-model/"
                    "amazon.titan-embed-text-v2:0"
                },
            },
            tags=shared | ({"TenantId": str(owner.id)} if owner else {}),
        )["knowledgeBase"]["knowledgeBaseId"]
    throughput = bedrock.create_provisioned_model_throughput(
        provisionedModelName=f"iam-{mark}", modelId=NOVA, modelUnits=1, tags=tags(Tier=acme.plan)
    )["provisionedModelArn"]
    made = Things(
        tenant=acme,
        profile=found.profile_arn,
        guardrail={
            "guardrailIdentifier": found.guardrail.id,
            "guardrailVersion": found.guardrail.version,
        },
        own_guardrail=guard(acme),
        foreign_guardrail={"guardrailIdentifier": guard(globex), "guardrailVersion": "1"},
        foreign_profile=bedrock.create_inference_profile(
            inferenceProfileName=f"foreign {mark}",
            modelSource={"copyFrom": f"arn:aws:bedrock:{region}::foundation-model/{NOVA}"},
            tags=tags(Tier=acme.plan, TenantId=str(globex.id)),
        )["inferenceProfileArn"],
        throughput=throughput,
        bases=bases,
    )
    for base in bases.values():
        eventually(
            lambda base=base: (
                agent.get_knowledge_base(knowledgeBaseId=base)["knowledgeBase"]["status"]
                == "ACTIVE"
            )
        )
    yield made
    bedrock.delete_provisioned_model_throughput(provisionedModelId=throughput)
    for base in bases.values():
        agent.delete_knowledge_base(knowledgeBaseId=base)


def rerank(things: Things, client: Any) -> bool:
    """Whether a session may not rerank."""
    model = f"arn:aws:bedrock:{things.tenant.region}::foundation-model/cohere.rerank-v3-5:0"
    text = {"type": "TEXT", "textDocument": {"text": "x"}}
    return refused(
        client.rerank,
        queries=[{"type": "TEXT", "textQuery": {"text": "x"}}],
        sources=[{"type": "INLINE", "inlineDocumentSource": text}],
        rerankingConfiguration={
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": model}},
        },
    )


def bypasses(things: Things) -> dict[str, Callable[[], bool]]:
    """Ways around the guardrail; each says whether it was refused."""
    runtime = raw("bedrock-runtime", things.tenant.region, things.tenant)
    draft = {**things.guardrail, "guardrailVersion": "DRAFT"}
    body = json.dumps({"messages": HELLO})
    model = {"modelId": things.profile}

    def talk(**more: Any) -> Callable[[], bool]:
        return lambda: refused(runtime.converse, messages=HELLO, **{**model, **more})

    def stream(**more: Any) -> Callable[[], bool]:
        return lambda: refused(runtime.converse_stream, messages=HELLO, **model, **more)

    def invoke(**more: Any) -> Callable[[], bool]:
        return lambda: refused(runtime.invoke_model, body=body, **model, **more)

    def flow(**more: Any) -> Callable[[], bool]:
        return lambda: refused(
            runtime.invoke_model_with_response_stream, body=body, **model, **more
        )

    return {
        "omitted": talk(),
        "omitted in a stream": stream(),
        "DRAFT": talk(guardrailConfig=draft),
        "DRAFT in a stream": stream(guardrailConfig=draft),
        "another tenant's": talk(guardrailConfig=things.foreign_guardrail),
        "another tenant's in a stream": stream(guardrailConfig=things.foreign_guardrail),
        "the model itself": talk(modelId=NOVA),
        "the model itself, guarded": talk(modelId=NOVA, guardrailConfig=things.guardrail),
        "throughput, unguarded": talk(modelId=things.throughput),
        "InvokeModel": invoke(),
        "InvokeModel, DRAFT": invoke(**draft),
        "InvokeModelWithResponseStream": flow(),
    }


def test_no_way_around_the_guardrail(things: Things, localaws: LocalAws) -> None:
    ways = bypasses(things)
    let_through = [
        name for name in itertools.islice(itertools.cycle(ways), BYPASSES) if not ways[name]()
    ]
    print(f"{len(let_through)} unguarded calls of {BYPASSES}")
    assert let_through == []
    assert localaws.requests() == []  # not one of them was served
    with entered(things.tenant):
        gateway.converse(question())
    assert len(localaws.requests("Converse")) == 1


def test_another_tenants_prefix_is_closed(acme: TenantContext, globex: TenantContext) -> None:
    key = f"isolation/{uuid.uuid4()}"
    with entered(globex):
        object_put(key, b"globex's", content_type="text/plain")
    theirs, name = f"tenants/{globex.id}/{key}", bucket(globex.region)
    mine = f"tenants/{acme.id}/{key}"
    s3 = raw("s3", globex.region, acme)
    source = {"Bucket": name, "Key": theirs}
    assert refused(s3.get_object, **source)
    assert refused(s3.put_object, **source, Body=b"x")
    assert refused(s3.delete_object, **source)
    assert refused(s3.copy_object, Bucket=name, Key=mine, CopySource=source)
    assert refused(s3.list_objects_v2, Bucket=name, Prefix=f"tenants/{globex.id}/")
    assert refused(s3.list_objects_v2, Bucket=name, Prefix="tenants/")
    assert refused(s3.list_objects_v2, Bucket=name)
    assert refused(s3.create_multipart_upload, **source)
    bulk = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": theirs}]})
    assert [each["Code"] for each in bulk["Errors"]] == ["AccessDenied"]
    with entered(globex):
        assert object_get(key) == b"globex's"
    own = raw("s3", globex.region, globex)
    assert own.get_object(**source)["Body"].read() == b"globex's"
    own.delete_object(**source)


def test_other_tenants_resources_jobs_and_roles_are_closed(things: Things) -> None:
    tenant, region = things.tenant, things.tenant.region
    runtime = raw("bedrock-runtime", region, tenant)
    guard = {"messages": HELLO, "guardrailConfig": things.guardrail}
    assert refused(runtime.converse, modelId=things.foreign_profile, **guard)
    assert not refused(runtime.converse, modelId=things.profile, **guard)
    agents = raw("bedrock-agent-runtime", region, tenant)
    retrieval = raw("bedrock-agent-runtime", region, tenant, "retrieval")
    query = {"retrievalQuery": {"text": "x"}}
    found = {
        name: (
            refused(agents.retrieve, knowledgeBaseId=base, **query),
            refused(retrieval.retrieve, knowledgeBaseId=base, **query),
        )
        for name, base in things.bases.items()
    }
    assert found == {"own": (False, True), "foreign": (True, True), "shared": (True, False)}
    assert refused(retrieval.rerank, queries=[{"type": "TEXT", "textQuery": {"text": "x"}}],
        sources=[{"type": "INLINE", "inlineDocumentSource": {
            "type": "TEXT", "textDocument": {"text": "x"}}}],
        rerankingConfiguration={"type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {"modelConfiguration": {
                "modelArn": f"arn:aws:bedrock:{region}::foundation-model/amazon.rerank-v1:0"}}},
    )  # fmt: skip
    place = f"s3://{bucket(region)}/tenants/{tenant.id}/"
    assert refused(
        raw("bedrock", region, tenant).create_model_invocation_job,
        jobName=f"iam-{uuid.uuid4().hex[:8]}",
        roleArn=role_arn("batch"),
        modelId=NOVA,
        inputDataConfig={"s3InputDataConfig": {"s3Uri": place + "in.jsonl"}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": place + "out/"}},
    )
    sts = raw("sts", region, tenant)
    for role in ("retrieval", "ops", "batch", "tenant"):
        tags = [{"Key": "TenantId", "Value": str(tenant.id)}]
        asked = {"RoleArn": role_arn(role), "RoleSessionName": "climbing", "Tags": tags}
        assert refused(sts.assume_role, **asked), role
    assert refused(raw("iam", region, tenant).list_roles)
    assert refused(raw("ce", "us-east-1", tenant).list_cost_allocation_tags)


def test_every_statement_of_the_tenants_role_is_needed(things: Things) -> None:
    """Take each statement out, and see what it is there for change."""
    tenant, region = things.tenant, things.tenant.region
    runtime, s3 = (raw(name, region, tenant) for name in ("bedrock-runtime", "s3"))
    agents = raw("bedrock-agent-runtime", region, tenant)
    own = {"Bucket": bucket(region), "Key": f"tenants/{tenant.id}/isolation"}
    talk = {"messages": HELLO, "guardrailConfig": things.guardrail}
    check = {"source": "INPUT", "content": [{"text": {"text": "hello"}}]}

    def reranks() -> bool:
        return rerank(things, agents)

    def talks() -> bool:
        return refused(runtime.converse, modelId=things.profile, **talk)

    probes: dict[str, Callable[[], bool]] = {
        "OwnObjects": lambda: refused(s3.put_object, **own, Body=b"x"),
        "OwnListing": lambda: refused(
            s3.list_objects_v2, Bucket=own["Bucket"], Prefix=f"tenants/{tenant.id}/"
        ),
        "ProfilesOfThePlanOrOwn": talks,
        "ModelsBehindProfiles": talks,
        "ProvisionedThroughput": lambda: refused(
            runtime.converse, modelId=things.throughput, **talk
        ),
        "Rerankers": reranks,
        "ActionsWithoutResource": reranks,
        "PosturesGuardrail": talks,
        "OwnGuardrail": lambda: refused(
            runtime.apply_guardrail,
            guardrailIdentifier=things.own_guardrail,
            guardrailVersion="1",
            **check,
        ),
        "OwnKnowledgeBase": lambda: refused(
            agents.retrieve,
            knowledgeBaseId=things.bases["own"],
            retrievalQuery={"text": "x"},
        ),
        "NoTextWithoutANumberedGuardrail": lambda: (
            not refused(runtime.converse, modelId=things.profile, messages=HELLO)
        ),
    }
    whole = document("tenant")
    assert set(probes) == {one["Sid"] for one in whole.policy["Statement"]}
    iam = raw("iam", region)
    try:
        for sid, probe in probes.items():
            assert not probe(), f"{sid} is there, and yet"
            left = [one for one in whole.policy["Statement"] if one["Sid"] != sid]
            iam.put_role_policy(
                RoleName=whole.name,
                PolicyName=POLICY,
                PolicyDocument=json.dumps({**whole.policy, "Statement": left}),
            )
            assert probe(), f"nothing changed without {sid}"
            assert roles_ensure() == [f"role {whole.name}: policy differs"]
    finally:
        roles_ensure()


def test_drift_of_the_roles_is_shown_and_mended(manage: Callable[..., str]) -> None:
    iam = raw("iam", "us-east-1")
    name = document("batch").name
    everything = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
    )
    iam.put_role_policy(RoleName=name, PolicyName="wider", PolicyDocument=everything)
    iam.delete_role_policy(RoleName=document("retrieval").name, PolicyName=POLICY)
    with pytest.raises(RuntimeError, match="policy wider does not belong there"):
        manage("app", "provision_aws", "--roles", "check")
    said = manage("app", "provision_aws", "--region", "us-east-1")
    assert f"role {name}: policy wider does not belong there" in said
    assert f"role {document('retrieval').name}: policy is missing" in said
    assert roles_ensure(mend=False) == []
    shown = json.loads(manage("app", "provision_aws", "--roles", "show"))
    assert set(shown) == {document(role).name for role in
                          ("tenant", "ops", "batch", "retrieval", "knowledge")}  # fmt: skip
    assert all(len(json.dumps(each["policy"])) < 10_240 for each in shown.values())
