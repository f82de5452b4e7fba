"""Take AWS's own cost lines in, from whoever reads them, so that a period is always whole.

A delivery replaces its billing period in one transaction: AWS delivers the whole period again and
again until it is closed. Its files are staged one by one, so that a reader that died goes on with
the next; lines that come twice are one, by AWS's own identity of a line. Runs under the ops login.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import connection, transaction

from billing.awsmodels import AwsCostDelivery, AwsCostLine

LINES_AT_ONCE: Final = 10_000
STAGED: Final = "SELECT FROM billing_awscostfile WHERE load = %s AND file = %s"
STANDING: Final = "SELECT 1"
STAGE: Final = """
    COPY billing_awscoststaging
         (load, line, kind, day, tenant_id, attributed_by, region, model, usage_type, unit,
          quantity, usd, entity) FROM STDIN
"""
NOTE: Final = """
    INSERT INTO billing_awscostfile (load, file, lines) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
TAKE: Final = """
    WITH once AS MATERIALIZED (
        SELECT DISTINCT ON (line) kind, day, tenant_id, attributed_by, region, model, usage_type,
               unit, quantity, usd, entity
          FROM billing_awscoststaging WHERE load = %(load)s ORDER BY line
    ), taken AS (
        INSERT INTO billing_awscostline
               (id, source, kind, period, day, tenant_id, attributed_by, region, model, usage_type,
                unit, quantity, usd, entity, estimated, execution_id)
        SELECT gen_random_uuid(), 'cur', kind, %(period)s, day, tenant_id, attributed_by, region,
               model, usage_type, unit, sum(quantity), sum(usd), entity, false, %(execution)s
          FROM once
         GROUP BY kind, day, tenant_id, attributed_by, region, model, usage_type, unit, entity
    )
    SELECT count(*), coalesce(sum(usd), 0),
           (SELECT coalesce(sum(lines), 0) FROM billing_awscostfile WHERE load = %(load)s)
      FROM once
"""
ROOM: Final = "SET LOCAL work_mem = '64MB'"
FORGET: Final = (
    "DELETE FROM billing_awscoststaging WHERE load = %s OR staged_at < now() - interval '1 day'",
    "DELETE FROM billing_awscostfile WHERE load = %s OR staged_at < now() - interval '1 day'",
)
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext(%s))"


@dataclass(slots=True)
class CostLine:
    """One line of AWS's; `line` is its identity within the delivery, `kind` AWS's item type."""

    line: str
    day: date
    tenant_id: UUID | None
    attributed_by: str
    region: str
    model: str
    usage_type: str
    unit: str
    quantity: Decimal
    usd: Decimal
    entity: str
    kind: str = "Usage"


Files = Iterable[tuple[str, Callable[[], Iterator[CostLine]]]]
"""Each file's name, and how to read it: one that is staged already is not read again."""


def delivery_known(period: date, etag: str) -> bool:
    """Say whether this very delivery stands for the period already."""
    return AwsCostDelivery.objects.filter(period=period, etag=etag).exists()


def period_replace(
    *, period: date, execution_id: str, manifest_key: str, etag: str, files: Files
) -> AwsCostDelivery:
    """Let a delivery's lines stand for a billing period, all or none; return what was taken.

    Memory stays the same for any number of lines. A delivery older than the one that stands (by the
    order of their manifests' keys) changes nothing. What a file raises leaves the period as it was,
    and the files before it staged for a day: the next reading goes on behind them.
    """
    load = uuid5(NAMESPACE_URL, f"{manifest_key} {etag}")
    for name, read in files:
        _file_stage(load, name, read)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(LOCK, [f"billing.aws.{period}"])
        standing = AwsCostDelivery.objects.filter(period=period).first()
        if standing is not None and (
            standing.manifest_key > manifest_key
            or (standing.manifest_key, standing.etag) == (manifest_key, etag)
        ):
            return standing  # a newer one, or another reader of this one was here first
        cursor.execute(ROOM)
        AwsCostLine.objects.filter(source=AwsCostLine.Source.CUR, period=period).delete()
        cursor.execute(TAKE, {"period": period, "execution": execution_id, "load": load})
        count, usd, given = cursor.fetchone()
        taken, _ = AwsCostDelivery.objects.update_or_create(
            period=period,
            defaults={
                "execution_id": execution_id,
                "manifest_key": manifest_key,
                "etag": etag,
                "lines": count,
                "repeated": given - count,
                "usd": usd,
            },
        )
        for statement in FORGET:
            cursor.execute(statement, [load])
    return taken


def _file_stage(load: UUID, name: str, read: Callable[[], Iterator[CostLine]]) -> None:
    """Copy a file's lines, some at a time, since reading them asks AWS; then note the file."""
    with connection.cursor() as cursor:
        cursor.execute(STAGED, [load, name])
        if cursor.fetchone() is not None:
            return
    rest, count = read(), 0
    while several := list(islice(rest, LINES_AT_ONCE)):
        count += len(several)
        with connection.cursor() as cursor:
            cursor.execute(STANDING)  # the guard sees statements, and COPY goes around it
            with cursor.copy(STAGE) as copy:
                for line in several:
                    copy.write_row(
                        (load, line.line, line.kind, line.day, line.tenant_id, line.attributed_by,
                         line.region, line.model, line.usage_type, line.unit, line.quantity,
                         line.usd, line.entity)
                    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [load, name, count])


def days_replace(
    *, start: date, end: date, lines: Sequence[CostLine], estimated: frozenset[date]
) -> None:
    """Let Cost Explorer's lines stand for the days from `start` to before `end`."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(LOCK, ["billing.aws.ce"])
        AwsCostLine.objects.filter(
            source=AwsCostLine.Source.EXPLORER, day__gte=start, day__lt=end
        ).delete()
        AwsCostLine.objects.bulk_create(
            [
                AwsCostLine(
                    source=AwsCostLine.Source.EXPLORER,
                    period=line.day.replace(day=1),
                    day=line.day,
                    tenant_id=line.tenant_id,
                    attributed_by=line.attributed_by,
                    region=line.region,
                    model=line.model,
                    usage_type=line.usage_type,
                    unit=line.unit,
                    quantity=line.quantity,
                    usd=line.usd,
                    entity=line.entity,
                    estimated=line.day in estimated,
                )
                for line in lines
            ],
            batch_size=LINES_AT_ONCE,
        )
