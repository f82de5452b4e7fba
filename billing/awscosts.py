"""Take AWS's own cost lines in, from whoever reads them, so that a period is always whole.

A delivery replaces its billing period in one transaction: AWS delivers the whole period again and
again until it is closed. Lines that come twice are one, by AWS's own identity of a line. Runs under
the ops login.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection, transaction

from billing.awsmodels import AwsCostDelivery, AwsCostLine

LINES_AT_ONCE: Final = 2_000
STAGE: Final = """
    INSERT INTO billing_awscoststaging
           (load, line, day, tenant_id, attributed_by, region, model, usage_type, unit, quantity,
            usd, entity)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
TAKE: Final = """
    INSERT INTO billing_awscostline
           (id, source, period, day, tenant_id, attributed_by, region, model, usage_type, unit,
            quantity, usd, entity, estimated, execution_id)
    SELECT gen_random_uuid(), 'cur', %(period)s, day, tenant_id, attributed_by, region, model,
           usage_type, unit, sum(quantity), sum(usd), entity, false, %(execution)s
      FROM billing_awscoststaging WHERE load = %(load)s
     GROUP BY day, tenant_id, attributed_by, region, model, usage_type, unit, entity
"""
TOTALS: Final = """
    SELECT count(*), coalesce(sum(usd), 0) FROM billing_awscoststaging WHERE load = %s
"""
FORGET: Final = "DELETE FROM billing_awscoststaging WHERE load = %s"
FORGET_STALE: Final = """
    DELETE FROM billing_awscoststaging WHERE staged_at < now() - interval '1 day'
"""
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext(%s))"


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of AWS's; `line` is its identity within the delivery."""

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


def delivery_known(period: date, etag: str) -> bool:
    """Say whether this very delivery stands for the period already."""
    return AwsCostDelivery.objects.filter(period=period, etag=etag).exists()


def period_replace(
    *, period: date, execution_id: str, manifest_key: str, etag: str, lines: Iterable[CostLine]
) -> AwsCostDelivery:
    """Let a delivery's lines stand for a billing period, all or none; return what was taken.

    Memory stays the same for any number of lines. A delivery older than the one that stands (by the
    order of their manifests' keys) changes nothing.
    """
    load, given = uuid4(), 0
    try:
        for several in _batches(lines):
            given += len(several)
            with connection.cursor() as cursor:
                cursor.executemany(STAGE, [_staged(load, line) for line in several])
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(LOCK, [f"billing.aws.{period}"])
            standing = AwsCostDelivery.objects.filter(period=period).first()
            if standing is not None and standing.manifest_key > manifest_key:
                return standing
            cursor.execute(TOTALS, [load])
            count, usd = cursor.fetchone()
            AwsCostLine.objects.filter(source=AwsCostLine.Source.CUR, period=period).delete()
            cursor.execute(TAKE, {"period": period, "execution": execution_id, "load": load})
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
            return taken
    finally:
        with connection.cursor() as cursor:
            cursor.execute(FORGET, [load])
            cursor.execute(FORGET_STALE)


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


def _batches(lines: Iterable[CostLine]) -> Iterator[list[CostLine]]:
    rest = iter(lines)
    while several := list(islice(rest, LINES_AT_ONCE)):
        yield several


def _staged(load: UUID, line: CostLine) -> list[Any]:
    return [
        load, line.line, line.day, line.tenant_id, line.attributed_by, line.region, line.model,
        line.usage_type, line.unit, line.quantity, line.usd, line.entity,
    ]  # fmt: skip
