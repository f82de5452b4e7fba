"""REST: the audit log."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.accounts.auditlog import AuditFilter, event_row, names_of
from tenants.accounts.models import AuditEvent
from tenants.cursors import Cursors


class AuditEventSerializer(serializers.Serializer[Any]):
    """One deed."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="The address of who did it, or the id of one removed.")
    actor_id = serializers.CharField()
    actor_kind = serializers.CharField()
    action = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    address = serializers.CharField()
    request_id = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]


class NewestDeedsFirst(Cursors):
    """Newest first."""

    ordering = ("-id",)
    page_size = 50
    page_size_query_description = "How many at most, up to 100; 50 without it."


class AuditView(GenericAPIView[AuditEvent]):
    """What was done in the workspace, newest first."""

    roles: ClassVar = {"GET": "admin"}
    serializer_class = AuditEventSerializer
    pagination_class = NewestDeedsFirst

    @extend_schema(
        operation_id="audit_list",
        parameters=[
            OpenApiParameter("actor", str, description="A member's id."),
            OpenApiParameter("action", str, description="A deed, or the beginning of its name."),
            OpenApiParameter("object", str, description="The id of what it was done to."),
            OpenApiParameter("request", str, description="The id of the request that did it."),
            OpenApiParameter("from", str, description="The first day, UTC, like 2026-11-25."),
            OpenApiParameter("to", str, description="The last day, UTC."),
        ],
        responses=AuditEventSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(AuditFilter.of(request.query_params).apply())
        assert page is not None
        names = names_of(page)
        return self.get_paginated_response([event_row(event, names) for event in page])
