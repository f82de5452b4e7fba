"""Bases of staff's pages whose rows are not made by hand."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tenants.registry.models import Tenant


class FixedRows(ModelAdmin):
    """Rows that stand: some of their fields are edited, none is added or removed by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(FixedRows):
    """What was made or what happened: nothing here is changed by hand.

    A list names the workspace where its rows say `tenant_id`; one that has left keeps its id.
    """

    show_full_result_count = False  # counting a whole ledger takes longer than reading a page

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        try:
            rows.model._meta.get_field("tenant_id")
        except FieldDoesNotExist:
            return rows
        named = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")[:1]
        found: QuerySet[Any] = rows.annotate(workspace_name=Subquery(named))
        return found

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        shown = super().get_list_display(request)
        return ["workspace" if column == "tenant_id" else column for column in shown]

    @admin.display(description="Workspace", ordering="tenant_id")
    def workspace(self, row: Any) -> str:
        return str(row.workspace_name or row.tenant_id or "-")
