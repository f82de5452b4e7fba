"""Staff: documents that were set aside, of every workspace; their names for who may decide."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.refusals import stored
from documents.quarantine import quarantine_decide, quarantined_name
from search.filters import kind_of
from tenants.accounts.audit import audit_write
from tenants.accounts.selectors import staff_actor
from tenants.context import entered
from tenants.errors import TenantryError
from tenants.registry.models import QuarantinedDocument, Status, Tenant
from tenants.staffpages import ReadOnly


@admin.register(QuarantinedDocument)
class QuarantinedDocumentAdmin(ReadOnly):
    """A release reads the document once more, in the same sandbox; a deletion is for good."""

    empty = (
        "No document was kept back. One that is not safe to read stands here until it is"
        " decided on."
    )
    list_display: ClassVar = ["at", "tenant_id", "code", "kind", "amount", "state", "ended_at"]
    list_filter: ClassVar = ["state", "code"]
    search_fields: ClassVar = ["tenant_id", "document_id"]
    fields: ClassVar = [
        "workspace", "tenant_id", "document_id", "named", "code", "media_type", "amount", "at",
        "state", "ended_at",
    ]  # fmt: skip
    readonly_fields: ClassVar = ["named", "amount"]
    actions: ClassVar = ["read_again", "delete_documents"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show the name to those alone who may decide: it may say what stands in the document."""
        shown = list(self.fields)
        return shown if self.has_act_permission(request) else [f for f in shown if f != "named"]

    @admin.display(description="Kind", ordering="media_type")
    def kind(self, row: QuarantinedDocument) -> str:
        return str(kind_of(row.media_type).label)

    @admin.display(description="Size", ordering="size")
    def amount(self, row: QuarantinedDocument) -> str:
        return stored(row.size)

    @admin.display(description="Name")
    def named(self, row: QuarantinedDocument) -> str:
        tenant = Tenant.objects.filter(id=row.tenant_id).first()
        if tenant is None:
            return "-"
        with entered(tenant.context):
            return quarantined_name(row)

    @admin.action(permissions=["act"], description="Release: read it again")
    def read_again(self, request: HttpRequest, rows: QuerySet[QuarantinedDocument]) -> None:
        self._decide(request, rows, delete=False)

    @admin.action(permissions=["act"], description="Delete it for good")
    def delete_documents(self, request: HttpRequest, rows: QuerySet[QuarantinedDocument]) -> None:
        self._decide(request, rows, delete=True)

    def _decide(
        self, request: HttpRequest, rows: QuerySet[QuarantinedDocument], *, delete: bool
    ) -> None:
        staff, done = staff_actor(request), 0
        active = Tenant.objects.filter(status=Status.ACTIVE)
        tenants = active.in_bulk({row.tenant_id for row in rows})
        for row in rows:
            tenant = tenants.get(row.tenant_id)
            if tenant is None:
                self.message_user(request, f"{row}: its workspace is not active.", messages.ERROR)
                continue
            try:
                with transaction.atomic():
                    with entered(tenant.context):
                        quarantine_decide(staff=staff, row=row, delete=delete)
                    audit_write(
                        staff,
                        action="document.quarantine_delete" if delete else "document.release",
                        object_type="document", object_id=row.document_id,
                        tenant_id=str(row.tenant_id), code=row.code,
                    )  # fmt: skip
                done += 1
            except TenantryError as refused:
                self.message_user(request, f"{row}: {refused.detail}", messages.ERROR)
        if done:
            self.message_user(request, f"{done} deleted." if delete else f"{done} read again.")
