"""Bases of staff's pages whose rows are not made by hand."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin


class FixedRows(ModelAdmin):
    """Rows that stand: some of their fields are edited, none is added or removed by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(FixedRows):
    """What was made or what happened: nothing here is changed by hand."""

    show_full_result_count = False  # counting a whole ledger takes longer than reading a page

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
