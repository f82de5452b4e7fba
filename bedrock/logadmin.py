"""Staff: what AWS's invocation log and its answers say, read-only."""

from typing import ClassVar

from django.contrib import admin

from bedrock.models import FailedAttempt, LogCursor, LogFinding, LoggedCall, LogObject
from tenants.staffpages import ReadOnly


@admin.register(LoggedCall)
class LoggedCallAdmin(ReadOnly):
    """Calls as AWS logged them. Their contents are the tenant's and are not shown here."""

    empty = "Calls stand here when AWS's invocation log has been read."
    list_display: ClassVar = [
        "at", "tenant_id", "feature", "operation", "region", "state", "error_code", "attempt",
        "aws_request_id",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "operation", "region"]
    search_fields: ClassVar = ["aws_request_id", "request_id", "tenant_id", "reservation_id"]


@admin.register(LogFinding)
class LogFindingAdmin(ReadOnly):
    """What does not fit between AWS's logs and bill and the ledger."""

    empty = "Nothing was found that does not fit between AWS's logs, its bill and the ledger."
    list_display: ClassVar = [
        "created_at", "kind", "tenant_id", "region", "subject", "resolved_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["kind", "region", ("resolved_at", admin.EmptyFieldListFilter)]
    search_fields: ClassVar = ["subject", "tenant_id", "request_id"]


@admin.register(LogObject)
class LogObjectAdmin(ReadOnly):
    empty = "No file of the invocation log has been read yet."
    list_display: ClassVar = ["first_seen", "region", "state", "records", "repeated", "key"]
    list_filter: ClassVar = ["state", "region"]
    search_fields: ClassVar = ["key"]


@admin.register(LogCursor)
class LogCursorAdmin(ReadOnly):
    empty = "The invocation log has not been read yet."
    list_display: ClassVar = ["region", "read_at", "newest"]


@admin.register(FailedAttempt)
class FailedAttemptAdmin(ReadOnly):
    empty = "No model call has failed."
    list_display: ClassVar = ["created_at", "tenant_id", "kind", "aws_code", "attempt", "billed"]
    list_filter: ClassVar = ["kind", "billed"]
    search_fields: ClassVar = ["request_id", "tenant_id"]
