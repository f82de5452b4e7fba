"""Copy a tenant's objects to another Region's bucket, each read back there before it counts.

Beside `tenants.objects` a module that calls S3; it signs as the ops role, outside every tenant: a
call is pinned to its client's Region, so objects pass through here and no bucket is told to fetch
from another's. Earlier versions stay behind. Both buckets are walked side by side, in the order of
keys, a page of each at a time: what goes on behind a key lists nothing before it.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.context import TenantContext
from tenants.errors import Unavailable
from tenants.objects import bucket

CHUNK: Final = 1 << 20  # bytes
IN_MEMORY: Final = 8 << 20  # bytes of an object until it goes through a file
LISTED_AT_ONCE: Final = 1000  # S3's own limit
KEPT: Final = ("ContentType", "ContentDisposition", "ContentEncoding", "CacheControl", "Metadata")


@dataclass(frozen=True, slots=True)
class Passed:
    """An object of the origin that the target has now: its key, its bytes, whether it was sent.

    Without a key: an object that the target had and the origin has not, which was deleted there.
    """

    key: str
    bytes: int
    sent: bool


def tenant_objects_size(tenant: TenantContext, region: str) -> int:
    """Return how many objects a tenant has in a Region, earlier versions apart. Raises AwsError."""
    with _translating():
        return sum(1 for _ in _listed(tenant, region))


def tenant_objects_copy(
    tenant: TenantContext, origin: str, target: str, *, after: str = ""
) -> Iterator[Passed]:
    """Make the target's objects behind the key `after` those of the origin, one after another.

    What is there with the same content is left: both are read. Raises Unavailable where a copy is
    not what was read, and AwsError; the origin is only read.
    """
    for key, here, there in _side_by_side(tenant, origin, target, after):
        if here is None:
            yield _removed(target, key)
        else:
            same_size = there is not None and there[0] == here[0]
            yield Passed(key, here[0], _copy(origin, target, key, same_size=same_size))


def tenant_objects_compare(
    tenant: TenantContext, origin: str, target: str, *, since: datetime, after: str = ""
) -> Iterator[Passed]:
    """Do the same once all was copied, by what both lists say: `since` is when copying began.

    An object of the same size is read again where it was stored after `since` and not before the
    target's. Raises as `tenant_objects_copy`.
    """
    second = since.replace(microsecond=0)  # S3 tells whole seconds
    for key, here, there in _side_by_side(tenant, origin, target, after):
        if here is None:
            yield _removed(target, key)
            continue
        size, at = here
        same_size = there is not None and there[0] == size
        settled = same_size and there is not None and (at < second or at < there[1])
        sent = not settled and _copy(origin, target, key, same_size=same_size)
        yield Passed(key, size, sent)


def tenant_objects_late(
    origin: str, target: str, found: Iterable[Mapping[str, Any]], since: datetime
) -> int:
    """Copy what the target lacks of these versions, as S3 lists them; return how many objects.

    Of what was stored in the origin after `since`, by a task that began before the workspace
    closed. Raises as `tenant_objects_copy`.
    """
    second, late = since.replace(microsecond=0), 0  # S3 tells whole seconds
    for each in found:
        if each["IsLatest"] and each["LastModified"] >= second:
            there = _stored_at(target, each["Key"])
            if there is None or there < each["LastModified"]:
                _copy(origin, target, each["Key"], same_size=False)
                late += 1
    return late


Told = tuple[int, datetime]  # an object's size and when it was stored


def _side_by_side(
    tenant: TenantContext, origin: str, target: str, after: str
) -> Iterator[tuple[str, Told | None, Told | None]]:
    """Yield each key behind `after` in S3's order, with what either Region has of it."""
    with _translating():
        ours, theirs = _listed(tenant, origin, after), _listed(tenant, target, after)
        here, there = next(ours, None), next(theirs, None)
        while here is not None or there is not None:
            key = min((each[0] for each in (here, there) if each), key=_in_order)
            found = here[1] if here and here[0] == key else None
            copied = there[1] if there and there[0] == key else None
            yield key, found, copied
            here = next(ours, None) if found else here
            there = next(theirs, None) if copied else there


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def _listed(tenant: TenantContext, region: str, after: str = "") -> Iterator[tuple[str, Told]]:
    pages = ops_client("s3", region).get_paginator("list_objects_v2")
    for page in pages.paginate(
        Bucket=bucket(region),
        Prefix=f"tenants/{tenant.id}/",
        StartAfter=after,
        PaginationConfig={"PageSize": LISTED_AT_ONCE},
    ):
        for found in page.get("Contents", []):
            yield found["Key"], (found["Size"], found["LastModified"])


def _in_order(key: str) -> bytes:
    return key.encode()  # as S3 lists them


@_translating()
def _stored_at(region: str, key: str) -> datetime | None:
    try:
        found = ops_client("s3", region).head_object(Bucket=bucket(region), Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise
    return found["LastModified"]


@_translating()
def _removed(region: str, key: str) -> Passed:
    ops_client("s3", region).delete_object(Bucket=bucket(region), Key=key)
    return Passed("", 0, sent=True)


@_translating()
def _copy(origin: str, target: str, key: str, *, same_size: bool) -> bool:
    """Copy one object, compare what the target then gives; False where the target had the same."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as held:
        answer = _opened(origin, key)
        digest = _hashed(answer, held)
        if same_size and _hashed(_opened(target, key)) == digest:
            return False
        held.seek(0)
        told: Any = {name: answer[name] for name in KEPT if answer.get(name)}
        ops_client("s3", target).put_object(Bucket=bucket(target), Key=key, Body=held, **told)
    if _hashed(_opened(target, key)) != digest:
        raise Unavailable(f"An object did not arrive in {target} as it was. Run it again.")
    return True


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
