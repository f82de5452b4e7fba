"""Vended credentials straight over the wire: AWS's layer, with nothing of ours before it.

Each tenant's session tries what every other tenant has. A refusal is IAM's own: AccessDenied.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from itertools import islice, permutations
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock.models import KnowledgeBase
from tenants.aws import role_arn, vending
from tenants.context import TenantContext, entered, public_scope
from tenants.objects import bucket, object_get, object_put
from tenants.vending import Role, Wanted
from tests.isolation.score import Score
from tests.support.cast import CAST
from tests.support.clients import tenant_of

DENIED: Final = ("AccessDenied", "AccessDeniedException")
ROLES: Final[tuple[Role, ...]] = ("tenant", "retrieval")
EVERY_ROLE: Final[tuple[Role, ...]] = ("tenant", "ops", "batch", "retrieval", "knowledge")
KEY: Final = "isolation/layer.txt"
Call = Callable[[], Any]


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()  # keeps the service models it has read


@lru_cache(maxsize=64)
def raw(service: str, region: str, tenant: TenantContext, role: Role = "tenant") -> Any:
    """Return a plain boto3 client with a tenant's vended credentials."""
    given = vending.credentials(Wanted.for_tenant(tenant, role))
    return _session().client(
        service,
        region_name=region,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        aws_access_key_id=given.access_key,
        aws_secret_access_key=given.secret_key,
        aws_session_token=given.token,
    )


def denied(call: Call) -> bool:
    """Whether IAM refuses the call, or lists nothing. Another failure has gone past IAM."""
    try:
        answer = call()
    except ClientError as error:
        return error.response["Error"]["Code"] in DENIED
    return answer.get("KeyCount") == 0  # of a prefix that only looks like another's


def attempts() -> Score:
    """Try the first tenant against each other, and one against it; `ISOLATION=full`: all pairs."""
    raw.cache_clear()
    score = Score()
    tenants = {person.workspace: tenant_of(person) for person in CAST}
    for tenant in tenants.values():
        with entered(tenant):
            object_put(KEY, tenant.slug.encode(), content_type="text/plain")
    with public_scope("staff"):
        names = dict(KnowledgeBase.objects.values_list("tenant_id", "knowledge_base_id"))
    first, second, *_ = tenants.values()
    for own, other in permutations(tenants.values(), 2):
        usual = own is first or (own, other) == (second, first)
        if not usual and os.environ.get("ISOLATION") != "full":
            continue
        for role in ROLES:
            s3 = raw("s3", other.region, own, role)
            for what, call in islice(_on_objects(s3, own, other), None if role == "tenant" else 8):
                score.count(denied(call), f"{role} of {own.slug}: {what} of {other.slug}")
        for what, call in _on_resources(own, other, names):
            score.count(denied(call), f"{own.slug}: {what} of {other.slug}")
    for tenant in tenants.values():
        with entered(tenant):  # its own it reads, or all this proves nothing; and it is unchanged
            assert object_get(KEY) == tenant.slug.encode()
    return score


def _on_objects(s3: Any, own: TenantContext, other: TenantContext) -> Iterator[tuple[str, Call]]:
    place, theirs, mine = bucket(other.region), f"tenants/{other.id}", f"tenants/{own.id}"
    key = f"{theirs}/{KEY}"
    yield "get", partial(s3.get_object, Bucket=place, Key=key)
    yield "get a part", partial(s3.get_object, Bucket=place, Key=key, Range="bytes=0-1")
    yield "put", partial(s3.put_object, Bucket=place, Key=key, Body=b"taken")
    yield "put a new one", partial(s3.put_object, Bucket=place, Key=f"{theirs}/new", Body=b"x")
    yield "delete", partial(s3.delete_object, Bucket=place, Key=key)
    yield "copy here", partial(s3.copy_object, Bucket=place, Key=f"{mine}/taken",
                               CopySource={"Bucket": place, "Key": key})  # fmt: skip
    yield "copy there", partial(s3.copy_object, Bucket=place, Key=f"{theirs}/taken",
                                CopySource={"Bucket": bucket(own.region),
                                            "Key": f"{mine}/{KEY}"})  # fmt: skip
    yield "begin an upload", partial(s3.create_multipart_upload, Bucket=place, Key=key)
    upload = {"Bucket": place, "Key": key, "UploadId": "any"}
    yield "send a part", partial(s3.upload_part, **upload, PartNumber=1, Body=b"x")
    yield "see the parts", partial(s3.list_parts, **upload)
    yield "end an upload", partial(s3.abort_multipart_upload, **upload)
    yield "list the uploads", partial(s3.list_multipart_uploads, Bucket=place, Prefix=f"{theirs}/")
    for prefix in (f"{theirs}/", theirs, f"{theirs}/isolation/", "tenants/", "tenants", "",
                   f"{mine}/../{other.id}/", mine[:-1], "tenants/*"):  # fmt: skip
        yield f"list {prefix!r}", partial(s3.list_objects_v2, Bucket=place, Prefix=prefix)
    yield "list", partial(s3.list_objects_v2, Bucket=place)
    yield "list versions", partial(s3.list_object_versions, Bucket=place, Prefix=f"{theirs}/")
    yield "read its rights", partial(s3.get_object_acl, Bucket=place, Key=key)
    yield "open it to all", partial(s3.put_object_acl, Bucket=place, Key=key, ACL="public-read")
    yield "tag it", partial(s3.put_object_tagging, Bucket=place, Key=key,
                            Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})  # fmt: skip
    yield "drop the bucket", partial(s3.delete_bucket, Bucket=place)
    yield "write the bucket's policy", partial(s3.put_bucket_policy, Bucket=place, Policy="{}")
    yield "list the logs", partial(s3.list_objects_v2, Bucket=place, Prefix="logs/")


def _on_resources(
    own: TenantContext, other: TenantContext, names: dict[Any, str]
) -> Iterator[tuple[str, Call]]:
    agent = raw("bedrock-agent-runtime", other.region, own)
    for owner in (other.id, None):  # another's own, and the shared one
        if name := names.get(owner):
            yield (
                "retrieve from the Knowledge Base",
                partial(agent.retrieve, knowledgeBaseId=name, retrievalQuery={"text": "hotel"}),
            )
    sts = raw("sts", own.region, own)
    for role in EVERY_ROLE:
        yield (
            f"take the role {role}",
            partial(
                sts.assume_role,
                RoleArn=role_arn(role),
                RoleSessionName="taken",
                Tags=[{"Key": "TenantId", "Value": str(other.id)}],
            ),
        )
    iam = raw("iam", "us-east-1", own)
    name = role_arn("tenant").rpartition("/")[2]
    yield (
        "change the role",
        partial(iam.put_role_policy, RoleName=name, PolicyName="tenantry", PolicyDocument="{}"),
    )
    yield "read the role", partial(iam.get_role, RoleName=name)
    costs = raw("ce", "us-east-1", own)
    yield (
        "read the bill",
        partial(
            costs.get_cost_and_usage,
            TimePeriod={"Start": "2026-01-01", "End": "2026-02-01"},
            Granularity="MONTHLY",
            Metrics=["UnblendedCost"],
        ),
    )
    bedrock = raw("bedrock", other.region, own)
    yield "list the guardrails", bedrock.list_guardrails
    yield "list the jobs", bedrock.list_model_invocation_jobs
    yield "switch the log off", bedrock.delete_model_invocation_logging_configuration
