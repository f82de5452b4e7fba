"""Copy a tenant's objects to another Region's bucket, each read back there before it counts.

Beside `tenants.objects` a module that calls S3; it signs as the ops role, outside every tenant: a
call is pinned to its client's Region, so objects pass through here and no bucket is told to fetch
from another's. Earlier versions stay behind.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.context import TenantContext
from tenants.errors import Unavailable
from tenants.objects import bucket

CHUNK: Final = 1 << 20  # bytes
IN_MEMORY: Final = 8 << 20  # bytes of an object until it goes through a file
KEPT: Final = ("ContentType", "ContentDisposition", "ContentEncoding", "CacheControl", "Metadata")


@dataclass(frozen=True, slots=True)
class Copied:
    """How many objects of how many are the same in both Regions, their bytes, and the last key."""

    objects: int
    of: int
    bytes: int
    key: str


def tenant_objects_copy(
    tenant: TenantContext, origin: str, target: str, *, since: datetime, after: str = ""
) -> Iterator[Copied]:
    """Make the target's objects of the tenant those of the origin, no more and no fewer.

    Yields after each object, in the order of keys, and once more when all is the same. What is
    there with the same content is left; up to `after`, the key of an earlier run that began at
    `since`, what is there and was not stored anew meanwhile is not read again. Raises Unavailable
    where a copy is not what was read, or the origin changed meanwhile, and AwsError; the origin is
    only read.
    """
    second = since.replace(microsecond=0)  # S3 tells whole seconds
    try:
        listed = _listed(tenant, origin)
        there = _listed(tenant, target)
        size_of = 0
        for number, key in enumerate(sorted(listed, key=_in_order), 1):
            size, _, at = listed[key]
            size_of += size
            same_size = key in there and there[key][0] == size
            if same_size and at < second and _in_order(key) <= _in_order(after):
                continue
            _copy(origin, target, key, same_size=same_size)
            yield Copied(number, len(listed), size_of, key)
        for key in there.keys() - listed.keys():  # of a run that was cut off
            ops_client("s3", target).delete_object(Bucket=bucket(target), Key=key)
        now, made = _listed(tenant, origin), _listed(tenant, target)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    if now != listed:
        raise Unavailable(f"Something was still being stored in {origin}. Run it again.")
    if _sizes(made) != _sizes(listed):
        raise Unavailable(f"Not every object arrived in {target}. Run it again.")
    yield Copied(len(listed), len(listed), size_of, max(listed, key=_in_order, default=""))


def tenant_objects_late(tenant: TenantContext, origin: str, target: str, since: datetime) -> int:
    """Copy what was stored in the origin after `since` and is missing in the target; say how many.

    For a task that began before the workspace closed. Raises as `tenant_objects_copy`.
    """
    second = since.replace(microsecond=0)  # S3 tells whole seconds
    try:
        there = _listed(tenant, target)
        late = [
            key
            for key, (_, _, at) in _listed(tenant, origin).items()
            if at >= second and key not in there
        ]
        for key in late:
            _copy(origin, target, key, same_size=False)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return len(late)


Listing = dict[str, tuple[int, str, datetime]]  # by key: size, ETag and when it was stored


def _listed(tenant: TenantContext, region: str) -> Listing:
    pages = ops_client("s3", region).get_paginator("list_objects_v2")
    return {
        found["Key"]: (found["Size"], found["ETag"], found["LastModified"])
        for page in pages.paginate(Bucket=bucket(region), Prefix=f"tenants/{tenant.id}/")
        for found in page.get("Contents", [])
    }


def _in_order(key: str) -> bytes:
    return key.encode()  # as S3 lists them


def _sizes(listing: Listing) -> dict[str, int]:
    return {key: size for key, (size, _, _) in listing.items()}


def _copy(origin: str, target: str, key: str, *, same_size: bool) -> None:
    """Copy one object unless the target has the same, and compare what the target then gives."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as held:
        answer = _opened(origin, key)
        digest = _hashed(answer, held)
        if same_size and _hashed(_opened(target, key)) == digest:
            return
        held.seek(0)
        told: Any = {name: answer[name] for name in KEPT if answer.get(name)}
        ops_client("s3", target).put_object(Bucket=bucket(target), Key=key, Body=held, **told)
    if _hashed(_opened(target, key)) != digest:
        raise Unavailable(f"An object did not arrive in {target} as it was. Run it again.")


def _opened(region: str, key: str) -> Any:
    return ops_client("s3", region).get_object(Bucket=bucket(region), Key=key)


def _hashed(answer: Any, into: IO[bytes] | None = None) -> str:
    """Return the SHA-256 of an object's content, which goes into a file on the way."""
    digest = hashlib.sha256()
    for piece in _pieces(answer["Body"]):
        digest.update(piece)
        if into is not None:
            into.write(piece)
    return digest.hexdigest()


def _pieces(body: Any) -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(CHUNK)
    finally:
        body.close()
