"""Take the records of a Region's invocation log from S3, each once, and give tenants their own.

What lies under the log's prefix is what is left to read: a file is deleted once its records are in
the database and its contents under its tenants' prefixes. Files come late, twice, cut short and in
any order, so nothing rests on their order: a record is known by AWS's own request id, a file by its
key and ETag, and every step can be repeated. A reader that dies begins its file again; two readers
at once do the same work twice and leave the same rows.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO, Final, cast
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from bedrock.deployment import LOG_PREFIX, UNASSIGNED_PREFIX
from bedrock.findings import finding_record, findings_resolve
from bedrock.logrecords import BadRecord, BrokenFile, Record, compressed, lines_of, record_of
from bedrock.models import LogCursor, LogFinding, LoggedCall, LogObject
from tenants.context import TenantContext, entered
from tenants.deployment_objects import (
    Listed,
    deployment_object_open,
    deployment_object_put,
    deployment_objects,
    deployment_objects_delete,
)
from tenants.objects import bucket, object_put
from tenants.registry.models import Status, Tenant

log = structlog.get_logger(__name__)

COPIES: Final = "invocations"
"""Under a tenant's prefix: `invocations/YYYY/MM/DD/<file>.jsonl.gz`, the day first in order."""
RECORDS_AT_ONCE: Final = 500
IN_MEMORY: Final = 1024 * 1024  # bytes of one tenant's part of a file
BODY_WITHIN: Final = timedelta(minutes=15)
"""AWS delivers large bodies about a minute after their records; then they are given up."""
FOLDER: Final = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/\d{2}/([^/]+)\.json\.gz$")
LOCK: Final = "SELECT pg_try_advisory_lock(hashtext(%s))"
UNLOCK: Final = "SELECT pg_advisory_unlock(hashtext(%s))"


class _Waits(Exception):
    """A body that the record names is not there yet."""


@dataclass(slots=True)
class Read:
    """What one run did."""

    files: int = 0
    records: int = 0
    repeated: int = 0
    complete: bool = True


def region_read(region: str) -> Read:
    """Read everything that lies in a Region's log, in the scope of `ops`. Raises AwsError.

    Another reader at work on the Region leaves nothing to do.
    """
    done = Read()
    with _alone(region) as alone:
        if not alone:
            done.complete = False
            return done
        began = _database_now()
        living = Tenant.objects.filter(region=region).exclude(status=Status.DELETED)
        tenants = {row.id: row.context for row in living}
        for listed in deployment_objects(region, f"{LOG_PREFIX}/"):
            if FOLDER.search(listed.key) and "/data/" not in listed.key:
                _file_read(region, listed, tenants, done)
        if done.complete:
            LogCursor.objects.update_or_create(region=region, defaults={"read_at": began})
    return done


@contextmanager
def _alone(region: str) -> Iterator[bool]:
    name = f"bedrock.logs.{region}"
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [name])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute(UNLOCK, [name])


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now


def _file_read(region: str, listed: Listed, tenants: dict[UUID, TenantContext], done: Read) -> None:
    row = LogObject.objects.filter(region=region, key=listed.key).first()
    if row is not None and row.etag == listed.etag and row.state != LogObject.State.WAITING:
        if row.state == LogObject.State.READ:  # the reader died before it deleted the file
            deployment_objects_delete(region, [listed.key])
        return
    reading = _Reading(region, listed, tenants, patient=_is_young(row))
    with closing(reading):
        state = reading.run()
    if state is None:
        return
    LogObject.objects.update_or_create(
        region=region,
        key=listed.key,
        defaults={
            "etag": listed.etag,
            "size": listed.size,
            "state": state,
            "records": reading.records,
            "repeated": reading.repeated,
            "read_at": Now() if state == LogObject.State.READ else None,
        },
    )
    done.files += 1
    done.records += reading.records
    done.repeated += reading.repeated
    if state == LogObject.State.WAITING:
        done.complete = False
    elif state == LogObject.State.READ:
        findings_resolve([listed.key], LogFinding.Kind.BROKEN_FILE)
        deployment_objects_delete(region, [listed.key, *reading.bodies])


def _is_young(row: LogObject | None) -> bool:
    return row is None or _database_now() - row.first_seen < BODY_WITHIN


@dataclass(slots=True)
class _Reading:
    """One file on its way: its records into the database, its contents to their tenants."""

    region: str
    listed: Listed
    tenants: dict[UUID, TenantContext]
    patient: bool
    records: int = 0
    repeated: int = 0
    bodies: list[str] = field(default_factory=list)
    _broken: str = ""
    _seen: set[str] = field(default_factory=set)
    _parts: dict[UUID | None, IO[bytes]] = field(default_factory=dict)

    def run(self) -> LogObject.State | None:
        """Read the file; None where another reader has deleted it meanwhile."""
        stream = deployment_object_open(self.region, self.listed.key)
        if stream is None:
            return None
        with closing(stream):
            records = self._records(lines_of(stream))
            try:
                while several := list(islice(records, RECORDS_AT_ONCE)):
                    self._take(several)
            except _Waits:
                return LogObject.State.WAITING
        for owner, part in self._parts.items():
            part.seek(0)
            self._store(self.tenants[owner] if owner else None, self._part_key, part)
        if self._broken:
            self._find(LogFinding.Kind.BROKEN_FILE, self.listed.key, why=self._broken)
            return LogObject.State.BROKEN
        return LogObject.State.READ

    def close(self) -> None:
        """Give the memory of its parts back."""
        for part in self._parts.values():
            part.close()

    def _records(self, lines: Iterator[bytes]) -> Iterator[Record]:
        try:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    yield record_of(line)
                except BadRecord as bad:
                    self._find(
                        LogFinding.Kind.BAD_RECORD, f"{self.listed.key}:{number}", why=str(bad)
                    )
        except BrokenFile as broken:
            self._broken = str(broken)

    def _take(self, several: list[Record]) -> None:
        """Keep the contents of what is new, and its row."""
        known = dict(
            LoggedCall.objects.filter(
                aws_request_id__in=[record.aws_request_id for record in several]
            ).values_list("aws_request_id", "log_key")
        )
        rows = []
        for record in several:
            name = record.aws_request_id
            # A row of this very file is left of a reader that died before its contents were kept.
            if name in self._seen or known.get(name, self.listed.key) != self.listed.key:
                self.repeated += 1
                continue
            self._seen.add(name)
            self.records += 1
            rows.append(self._row(record, self._content(record)))
        LoggedCall.objects.bulk_create(rows, ignore_conflicts=True)
        if rows:
            _newest_keep(self.region, max(row.at for row in rows))

    def _row(self, record: Record, content_key: str) -> LoggedCall:
        if record.foreign:
            self._find(
                LogFinding.Kind.FOREIGN,
                record.aws_request_id,
                identity=record.identity,
                stamp=record.document.get("requestMetadata"),
            )
        return LoggedCall(
            aws_request_id=record.aws_request_id,
            region=self.region,
            at=record.at,
            operation=record.operation,
            model_id=record.model_id,
            identity=record.identity,
            tenant_id=record.tenant_id,
            request_id=record.request_id,
            reservation_id=record.reservation_id,
            attempt=record.attempt,
            feature=record.feature,
            error_code=record.error_code,
            units={unit.value: amount for unit, amount in record.units.items()},
            guarded=record.guarded,
            log_key=self.listed.key,
            content_key=content_key,
        )

    @property
    def _day(self) -> str:
        found = FOLDER.search(self.listed.key)
        assert found is not None, "only files of the log's own layout are read"
        return "/".join(found.group(1, 2, 3))

    @property
    def _part_key(self) -> str:
        name = self.listed.key.rpartition("/")[2].removesuffix(".json.gz")
        return f"{COPIES}/{self._day}/{name}.jsonl.gz"

    def _content(self, record: Record) -> str:
        """Put a record into its tenant's part of this file; return the part's key.

        What is nobody's stays with the deployment, for staff. A tenant that is gone keeps nothing.
        """
        owner = record.tenant_id
        if owner is not None and owner not in self.tenants:
            return ""
        for side in ("input", "output"):
            self._body(record, side, self.tenants[owner] if owner else None)
        if owner not in self._parts:
            # Closed by `close`: it lives as long as the file is read.
            self._parts[owner] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        self._parts[owner].write(compressed(record.document))
        return self._part_key

    def _body(self, record: Record, side: str, tenant: TenantContext | None) -> None:
        """Take a large body, which lies apart, along; the record then names the copy."""
        part = record.document.get(side) or {}
        path = str(part.get(f"{side}BodyS3Path") or "")
        if not path:
            return
        root = f"s3://{bucket(self.region)}/"
        source = path.removeprefix(root)
        if not path.startswith(f"{root}{LOG_PREFIX}/") or "/data/" not in source:
            self._find(LogFinding.Kind.BODY_MISSING, record.aws_request_id, path=path[:1000])
            return
        stream = deployment_object_open(self.region, source)
        if stream is None:
            if self.patient:
                raise _Waits
            self._find(LogFinding.Kind.BODY_MISSING, record.aws_request_id, path=path[:1000])
            return
        with closing(stream):
            content = stream.read()
        key = f"{COPIES}/{self._day}/data/{source.rpartition('/')[2]}"
        self._store(tenant, key, BytesIO(content))
        prefix = f"tenants/{tenant.id}" if tenant else UNASSIGNED_PREFIX
        part[f"{side}BodyS3Path"] = f"{root}{prefix}/{key}"
        self.bodies.append(source)

    def _store(self, tenant: TenantContext | None, key: str, content: IO[bytes]) -> None:
        if tenant is None:
            whole = f"{UNASSIGNED_PREFIX}/{key}"
            deployment_object_put(
                self.region, whole, content.read(), content_type="application/gzip"
            )
            return
        with entered(tenant):  # signed with the tenant's own credentials
            object_put(key, cast(BinaryIO, content), content_type="application/gzip")

    def _find(self, kind: LogFinding.Kind, subject: str, **detail: Any) -> None:
        finding_record(kind, subject, region=self.region, **detail)


def _newest_keep(region: str, newest: datetime) -> None:
    LogCursor.objects.get_or_create(region=region)
    LogCursor.objects.filter(region=region).filter(Q(newest=None) | Q(newest__lt=newest)).update(
        newest=newest
    )
