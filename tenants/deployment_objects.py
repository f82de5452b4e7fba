"""Stored objects that belong to the deployment: AWS's own logs and reports, in its buckets.

Beside `tenants.objects` the only module that calls S3. It signs as the ops role and reaches no
tenant's prefix: what is a tenant's is written through `tenants.objects`, inside that tenant.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.objects import DELETE_BATCH, bucket

GONE: Final = ("NoSuchKey", "404")
UNFINISHED: Final = "unfinished-uploads"  # the rule's name


class Listed(NamedTuple):
    """One object of a listing; `etag` changes with its content."""

    key: str
    etag: str
    size: int


def deployment_objects(region: str, prefix: str) -> Iterator[Listed]:
    """Yield the objects under a prefix, in the order of their keys. Raises AwsError."""
    _check(prefix)
    try:
        pages = ops_client("s3", region).get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket(region), Prefix=prefix):
            for found in page.get("Contents", []):
                yield Listed(found["Key"], found["ETag"].strip('"'), found["Size"])
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def deployment_object_open(region: str, key: str) -> Any:
    """Return the object's body as a stream to read and close, None where there is none."""
    _check(key)
    try:
        return ops_client("s3", region).get_object(Bucket=bucket(region), Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return None
        raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error


def deployment_object_put(region: str, key: str, body: bytes, *, content_type: str) -> None:
    """Store an object. Raises AwsError."""
    _check(key)
    try:
        ops_client("s3", region).put_object(
            Bucket=bucket(region), Key=key, Body=body, ContentType=content_type
        )
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def deployment_objects_delete(region: str, keys: Iterable[str]) -> None:
    """Delete the objects; one that is missing is no error. Raises AwsError."""
    several = list(keys)
    for key in several:
        _check(key)
    try:
        for start in range(0, len(several), DELETE_BATCH):
            ops_client("s3", region).delete_objects(
                Bucket=bucket(region),
                Delete={
                    "Objects": [{"Key": key} for key in several[start : start + DELETE_BATCH]],
                    "Quiet": True,
                },
            )
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def expiry_ensure(region: str, days: dict[str, int], *, unfinished: int = 0) -> bool:
    """Have S3 delete what lies under each prefix after so many days; say whether it was changed.

    `unfinished`: after how many days uploads in parts go that no workspace completed; 0 says
    nothing of them. Raises AwsError.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html
    """
    for prefix in days:
        _check(prefix)
    s3: Any = ops_client("s3", region)
    wanted = {
        prefix: {
            "ID": prefix.strip("/"),
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": number},
        }
        for prefix, number in sorted(days.items())
    }
    ours: dict[str, Any] = {str(rule["ID"]): rule for rule in wanted.values()}
    if unfinished:
        ours[UNFINISHED] = {
            "ID": UNFINISHED,
            "Status": "Enabled",
            "Filter": {"Prefix": "tenants/"},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": unfinished},
        }
    try:
        there = _rules(s3, region)
        if all(there.get(name) == rule for name, rule in ours.items()):
            return False
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket(region),
            LifecycleConfiguration={"Rules": list({**there, **ours}.values())},
        )
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return True


def _rules(s3: Any, region: str) -> dict[str, Any]:
    try:
        found = s3.get_bucket_lifecycle_configuration(Bucket=bucket(region))["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return {}
    return {rule["ID"]: rule for rule in found}


def _check(key: str) -> None:
    if not key or key.startswith("tenants/"):
        raise ValueError(f"{key!r} is no object of the deployment.")
