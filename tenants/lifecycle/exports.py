"""Archives that owners ask for: made by a task over `export_write`, kept for a week."""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.context import Actor, TenantContext, current, entered
from tenants.errors import Conflict, Forbidden, NotFound
from tenants.lifecycle.export import EXPORTS, export_write
from tenants.objects import object_parts, object_put, objects_delete
from tenants.registry.models import DataExport

log = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=7)
STUCK: Final = timedelta(hours=6)  # then another may be asked for
State = DataExport.State


def export_ask(*, actor: Actor) -> DataExport:
    """Note that an archive is wanted; the caller sends the task. Raises Forbidden, Conflict."""
    if actor.role != "owner":
        raise Forbidden(_("Only an owner takes everything out."))
    rows = DataExport.objects.filter(tenant_id=current().id, state=State.WAITING)
    rows.filter(asked_at__lt=timezone.now() - STUCK).update(state=State.FAILED)
    try:
        with transaction.atomic():
            row = DataExport.objects.create(tenant_id=current().id, asked_by=actor.user_id)
            audit_write(actor, action="data.export", object_type="data_export", object_id=row.id)
    except IntegrityError as error:
        raise Conflict(_("An archive is being made already; it appears here.")) from error
    return row


def export_make(export_id: UUID) -> None:
    """Make an archive that was asked for, in the entered tenant; one that is made stays."""
    row = DataExport.objects.filter(tenant_id=current().id, id=export_id).first()
    if row is None or row.state != State.WAITING:
        return
    try:
        with tempfile.TemporaryFile() as file:
            row.files = export_write(file)
            row.size = file.tell()
            file.seek(0)
            row.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            object_put(_key(row), file, content_type="application/zip")
    except Exception:
        log.exception("export.failed", export=str(export_id))
        row.state = State.FAILED
    else:
        row.state = State.READY
    row.finished_at = timezone.now()
    row.save(update_fields=["files", "size", "sha256", "state", "finished_at"])


def export_parts(*, actor: Actor, export_id: UUID) -> tuple[DataExport, Iterator[bytes]]:
    """Return an archive's row and its bytes as they arrive, on record. Raises NotFound."""
    row = DataExport.objects.filter(tenant_id=current().id, id=export_id, state=State.READY).first()
    parts = object_parts(_key(row)) if row else None
    if row is None or parts is None:
        raise NotFound(_("There is no such archive, or its week is over; ask for a new one."))
    audit_write(actor, action="data.export_download", object_type="data_export", object_id=row.id)
    return row, parts


def exports_of(tenant: TenantContext, most: int = 10) -> list[DataExport]:
    """Return the entered tenant's archives, newest first."""
    return list(DataExport.objects.filter(tenant_id=tenant.id)[:most])


def exports_expire(tenant: TenantContext, now: datetime) -> int:
    """Delete archives whose week is over; a legal hold does not keep these copies."""
    with entered(tenant):
        rows = DataExport.objects.filter(
            tenant_id=tenant.id, state=State.READY, finished_at__lt=now - KEPT
        )
        for row in rows:
            objects_delete([_key(row)])
            DataExport.objects.filter(id=row.id).update(state=State.EXPIRED)
        return len(rows)


def _key(row: DataExport) -> str:
    return f"{EXPORTS}/{row.id}.zip"
