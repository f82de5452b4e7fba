"""Stored objects, always under the entered tenant's prefix in the bucket of its Region.

The only module that calls S3, with `multipart.py` beside it, and `objectmoving.py` for a move to
another Region. Keys given and returned are relative to `tenants/<tenant id>/`; an absolute key
never leaves the three.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Final

import structlog
from django.conf import settings

from tenants.aws import AwsError, BotoCoreError, ClientError, client, ops_client, translated
from tenants.context import TenantContext, current
from tenants.errors import OutsideRegion

log = structlog.get_logger(__name__)

DELETE_BATCH: Final = 1000  # S3's own limit for one DeleteObjects call
DERIVED: Final = "derived"  # folder of what can be made anew from other objects
PART_BYTES: Final = 256 * 1024
LINES_AT_ONCE: Final = 1 << 20  # bytes


def bucket(region: str) -> str:
    """Return the name of the deployment's bucket in a Region."""
    return f"{settings.AWS_BUCKET_PREFIX}-{region}"


def absolute_key(key: str) -> str:
    """Return the key in the bucket, for `multipart.py` beside; it leaves these two files never."""
    if not key.isprintable() or any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"not a relative object key: {key!r}")
    return f"tenants/{current().id}/{key}"


def object_put(key: str, body: bytes | BinaryIO, *, content_type: str) -> None:
    """Store `body`; a file is streamed from its position. Raises AwsError."""
    try:
        client("s3").put_object(
            Bucket=bucket(current().region),
            Key=absolute_key(key),
            Body=body,
            ContentType=content_type,
        )
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def object_get(key: str) -> bytes | None:
    """Return the object's bytes, or None where there is none. Raises AwsError."""
    body = _opened(key)
    try:
        return None if body is None else bytes(body.read())
    except BotoCoreError as error:
        raise translated(error) from error


def _opened(key: str) -> Any:
    """Return the object's body to be read, or None where there is none. Raises AwsError."""
    try:
        answer = client("s3").get_object(Bucket=bucket(current().region), Key=absolute_key(key))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("NoSuchKey", "404") or (code == "AccessDenied" and not object_there(key)):
            return None
        raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error
    return answer["Body"]


def objects_list(folder: str = "") -> Iterator[str]:
    """Yield the keys under a folder, or all of the tenant's, in their order. Raises AwsError."""
    root = f"tenants/{current().id}/"
    whole = f"{absolute_key(folder)}/" if folder else root
    try:
        pages = client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket(current().region), Prefix=whole):
            for found in page.get("Contents", []):
                yield found["Key"].removeprefix(root)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def object_encryption(key: str) -> str:
    """Return how the store says that it encrypts the object at rest; "" where it says nothing."""
    try:
        found = client("s3").head_object(Bucket=bucket(current().region), Key=absolute_key(key))
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return str(found.get("ServerSideEncryption", ""))


def object_open_elsewhere(owner: TenantContext, key: str) -> str:
    """Try to open another tenant's object as the entered one; return what came of it.

    For the isolation self-test alone: `AccessDenied` is as it should be, `OutsideRegion` too:
    the product refused before AWS was asked. `opened` is a breach.
    """
    try:
        client("s3").get_object(Bucket=bucket(owner.region), Key=f"tenants/{owner.id}/{key}")
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except OutsideRegion:
        return "OutsideRegion"
    except BotoCoreError as error:
        raise translated(error) from error
    return "opened"


class Arriving(Iterator[bytes]):
    """An object's bytes as they arrive, never whole in memory. What breaks off raises AwsError.

    The connection is let go at the end, and by `close()`, also where nothing was read yet: a
    generator that never began would run no `finally`.
    """

    def __init__(self, body: Any, pieces: Iterator[bytes]) -> None:
        self._body = body
        self._pieces = self._read(pieces)

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        self._pieces.close()
        self._body.close()

    def _read(self, pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
        try:
            yield from pieces
        except BotoCoreError as error:
            raise translated(error) from error
        finally:
            self._body.close()


def object_parts(key: str) -> Arriving | None:
    """Return the object's bytes, or None where there is none. Raises AwsError."""
    body = _opened(key)
    return None if body is None else Arriving(body, body.iter_chunks(PART_BYTES))


def object_lines(key: str) -> Arriving | None:
    """Return the object's bytes line by line, or None where there is none. Raises AwsError."""
    body = _opened(key)
    return None if body is None else Arriving(body, body.iter_lines(LINES_AT_ONCE))


def object_location(key: str) -> str:
    """Return the `s3://` address of a key, for services of AWS that read or write it themselves."""
    return f"s3://{bucket(current().region)}/{absolute_key(key)}"


def object_there(key: str) -> bool:
    """Return whether the object exists.

    By listing: S3 answers 403 for a missing one to who may not list the bucket, and the tenants'
    role may list its own prefix alone. Raises AwsError.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    absolute = absolute_key(key)
    try:
        found = client("s3").list_objects_v2(
            Bucket=bucket(current().region), Prefix=absolute, MaxKeys=1
        )
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return any(row["Key"] == absolute for row in found.get("Contents", []))


def objects_delete(keys: Iterable[str]) -> None:
    """Delete the objects; one that is missing is no error. Raises AwsError."""
    absolute = [absolute_key(key) for key in keys]
    try:
        for start in range(0, len(absolute), DELETE_BATCH):
            answer = client("s3").delete_objects(
                Bucket=bucket(current().region),
                Delete={
                    "Objects": [{"Key": key} for key in absolute[start : start + DELETE_BATCH]],
                    "Quiet": True,
                },
            )
            _require_deleted(answer)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def _require_deleted(answer: Any) -> None:
    """Raise AwsError where S3 kept one of the objects: it says so in an answer of status 200."""
    if failed := answer.get("Errors"):
        log.warning("aws.objects_kept", codes=sorted({each["Code"] for each in failed}))
        raise AwsError(aws_code=failed[0]["Code"])


def tenant_objects_erase(tenant: TenantContext) -> int:
    """Delete all under a tenant's prefix, older versions and open uploads too; return how many.

    Raises AwsError.
    """
    return sum(tenant_objects_erasing(tenant))


def tenant_objects_erasing(
    tenant: TenantContext, *, before: Callable[[Sequence[Any]], None] | None = None
) -> Iterator[int]:
    """Delete all under a tenant's prefix; yield how many after each request.

    With the deployment's own credentials: a tenant that leaves has none any more. `before` sees the
    versions of each request before they go. Cut off, it is begun anew, with what is left. Raises
    AwsError.
    """
    s3 = ops_client("s3", tenant.region)
    try:
        for page in s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket(tenant.region),
            Prefix=f"tenants/{tenant.id}/",
            PaginationConfig={"PageSize": DELETE_BATCH},
        ):
            found = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]
            if found:
                if before is not None:
                    before(page.get("Versions", ()))
                answer = s3.delete_objects(
                    Bucket=bucket(tenant.region),
                    Delete={"Objects": found, "Quiet": True},  # type: ignore[typeddict-item]
                )
                _require_deleted(answer)
                yield len(found)
        for open_uploads in s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket(tenant.region), Prefix=f"tenants/{tenant.id}/"
        ):
            for upload in open_uploads.get("Uploads", ()):
                s3.abort_multipart_upload(
                    Bucket=bucket(tenant.region), Key=upload["Key"], UploadId=upload["UploadId"]
                )
                yield 1
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def tenant_objects_count(tenant: TenantContext) -> int:
    """Return how many objects, older versions and open uploads a tenant's prefix has."""
    s3 = ops_client("s3", tenant.region)
    name, prefix = bucket(tenant.region), f"tenants/{tenant.id}/"
    versions = s3.get_paginator("list_object_versions").paginate(Bucket=name, Prefix=prefix)
    uploads = s3.get_paginator("list_multipart_uploads").paginate(Bucket=name, Prefix=prefix)
    try:
        return sum(
            len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ())) for page in versions
        ) + sum(len(page.get("Uploads", ())) for page in uploads)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def bucket_cors(region: str, origins: list[str]) -> bool:
    """Let pages of these origins, and no others, send parts to the bucket; say whether it changed.

    What they may send there is for the addresses that the product signs to say. Raises AwsError.
    """
    wanted: Any = {
        "AllowedOrigins": origins,
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }
    s3, name = ops_client("s3", region), bucket(region)
    try:
        found = s3.get_bucket_cors(Bucket=name)["CORSRules"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchCORSConfiguration":
            raise translated(error) from error
        found = []
    if found == [wanted]:
        return False
    try:
        s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [wanted]})
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return True


def bucket_ensure(region: str) -> bool:
    """Make the Region's bucket, private, unless it is there; return whether it was made."""
    s3 = ops_client("s3", region)
    name = bucket(region)
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise translated(error) from error
    else:
        return False
    try:
        if region == "us-east-1":  # the one Region whose name S3 refuses as a constraint
            s3.create_bucket(Bucket=name)
        else:
            s3.create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
            )
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return True
