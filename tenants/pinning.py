"""Keep every call in the tenant's Region and geography; what would leave raises before it is sent.

The one guard stands at the client: it sees the Region that the call goes to and is signed for, and
every ARN, bucket and model id among its parameters. Outside a tenant (provisioning) the client's
own Region is the measure, so that one Region's resources never name another's.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from tenants.context import current_or_none
from tenants.errors import OutsideRegion

# Services that the whole account has in one place; they hold no tenant's content.
EVERYWHERE: Final = frozenset({"ce", "bcm-data-exports"})

# Parameters that name resources. Others hold people's words, which may quote any ARN.
_NAMES: Final = re.compile(r"(?i)(?:arns?|ids?|identifier|uri|bucket|bucketname|copyfrom|source)$")
_GEOGRAPHIES: Final = frozenset({"us", "us-gov", "ca", "sa", "eu", "apac", "jp", "au", "global"})


def geography(region: str) -> str:
    """Return the prefix of the system profiles that stay near a Region: `us`, `eu`, `apac`."""
    first = region.split("-", 1)[0]
    return {"ap": "apac"}.get(first, first)


def pinned(client_region: str) -> str:
    """Return the Region that a call must stay in."""
    tenant = current_or_none()
    return tenant.region if tenant else client_region


def check_parameters(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    """Refuse a call of another Region, or with a resource there (botocore's first event).

    Raises OutsideRegion.
    """
    if model.service_model.service_name in EVERYWHERE:
        return
    region = pinned(context["client_region"])
    if context["client_region"] != region:
        raise OutsideRegion(f"{model.name} was about to go to {context['client_region']}.")
    for name, value in _named(model.input_shape, params):
        why = _leaves(name, value, region)
        if why:
            raise OutsideRegion(f"{model.name}: {why}.")


def check_signature(request: Any, region_name: str, **_: Any) -> None:
    """Refuse to sign for another Region: S3's client would follow a bucket to where it lives.

    botocore tells the event the client's Region; the one that it signs for stands in the context.
    """
    signed_for = request.context.get("signing", {}).get("region") or region_name
    if request.context["client_region"] != signed_for:
        raise OutsideRegion(f"A call was about to be signed for {signed_for}.")


def _named(shape: Any, value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the parameters that name resources, and their values, at any depth."""
    if shape is None or getattr(shape, "is_document_type", False):
        return
    if isinstance(value, dict) and shape.type_name == "structure":
        for key, each in value.items():
            yield from _named(shape.members.get(key), each, key)
    elif isinstance(value, list | tuple) and shape.type_name == "list":
        for each in value:
            yield from _named(shape.member, each, name)
    elif isinstance(value, str) and _NAMES.search(name):
        yield name, value
    elif isinstance(value, dict) and name == "CopySource":  # botocore's own short form
        yield "Bucket", str(value.get("Bucket"))


def _leaves(name: str, value: str, region: str) -> str:
    """Return why a value would leave the Region, or nothing."""
    if value.startswith("arn:"):
        parts = value.split(":", 5)
        if len(parts) < 6:
            return f"{value} is no ARN"
        if parts[3] and parts[3] != region:
            return f"{value} is not in {region}"
        if parts[2] == "s3":
            return _bucket_leaves(parts[5].split("/", 1)[0], region)
        kind, _, resource = parts[5].partition("/")
        return _model_leaves(resource, region) if kind == "inference-profile" else ""
    if value.startswith("s3://"):
        return _bucket_leaves(value[5:].split("/", 1)[0], region)
    if name in ("Bucket", "bucketName", "CopySource"):
        return _bucket_leaves(value.lstrip("/").split("/", 1)[0], region)
    if name in ("modelId", "copyFrom", "inferenceProfileIdentifier"):
        return _model_leaves(value, region)
    return ""


def _bucket_leaves(bucket: str, region: str) -> str:
    """Judge the deployment's buckets, whose names end in their Region."""
    prefix = f"{settings.AWS_BUCKET_PREFIX}-"
    if bucket.startswith(prefix) and bucket != prefix + region:
        return f"the bucket {bucket} is not in {region}"
    return ""


def _model_leaves(model_id: str, region: str) -> str:
    """Judge a system profile by its prefix: it may serve anywhere in that geography."""
    prefix = model_id.split(".", 1)[0]
    near = {geography(region)}
    near |= {"jp"} if region.startswith("ap-northeast-") else set()
    near |= {"au"} if region.startswith("ap-southeast-") else set()
    if prefix in _GEOGRAPHIES and prefix not in near:
        return f"{model_id} may serve outside {region}'s geography"
    return ""
