"""REST: the texts that Write made, and their versions."""

from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assistant.models import WrittenText
from assistant.serializers import (
    RestoreSerializer,
    TitleSerializer,
    VersionSerializer,
    WrittenTextDetailSerializer,
    WrittenTextSerializer,
)
from assistant.texts import (
    text_delete,
    text_of,
    text_rename,
    text_restore,
    texts_visible,
    versions_of,
)
from assistant.textviews import exported
from assistant.wordfile import MEDIA_TYPE
from tenants.accounts.selectors import actor_of


class TextListView(GenericAPIView[WrittenText]):
    """Your texts."""

    roles: ClassVar = {"GET": "member"}
    serializer_class = WrittenTextSerializer

    @extend_schema(operation_id="texts_list", responses=WrittenTextSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Those that `write/` kept, the newest first."""
        page = self.paginate_queryset(texts_visible(actor_of(request)))
        return self.get_paginated_response(WrittenTextSerializer(page, many=True).data)


class TextView(APIView):
    """One text of yours."""

    roles: ClassVar = {"GET": "member", "PATCH": "member", "DELETE": "member"}

    @extend_schema(operation_id="texts_read", responses=WrittenTextDetailSerializer)
    def get(self, request: Request, text_id: UUID) -> Response:
        """The text with its versions and the citations that you may open."""
        actor = actor_of(request)
        text = text_of(actor, text_id)
        versions = VersionSerializer(versions_of(actor, text), many=True)
        return Response({**WrittenTextSerializer(text).data, "versions": versions.data})

    @extend_schema(
        operation_id="texts_rename", request=TitleSerializer, responses=WrittenTextSerializer
    )
    def patch(self, request: Request, text_id: UUID) -> Response:
        """Give it another title; its versions stay."""
        given = TitleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        text_rename(actor=actor, text_id=text_id, title=given.validated_data["title"])
        return Response(WrittenTextSerializer(text_of(actor, text_id)).data)

    @extend_schema(operation_id="texts_delete", responses={204: None})
    def delete(self, request: Request, text_id: UUID) -> Response:
        """Delete it with all its versions."""
        text_delete(actor=actor_of(request), text_id=text_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TextRestoreView(APIView):
    """An earlier version of a text."""

    roles: ClassVar = {"POST": "member"}

    @extend_schema(
        operation_id="texts_restore",
        request=RestoreSerializer,
        responses={201: VersionSerializer, 200: VersionSerializer},
    )
    def post(self, request: Request, text_id: UUID) -> Response:
        """Make it the newest again, as a version of its own; 200 where the newest equals it."""
        given = RestoreSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        number = given.validated_data["version"]
        newest, made = text_restore(actor=actor_of(request), text_id=text_id, number=number)
        code = status.HTTP_201_CREATED if made else status.HTTP_200_OK
        return Response(VersionSerializer(newest).data, status=code)


class TextExportView(APIView):
    """A text as a file."""

    roles: ClassVar = {"GET": "member"}

    @extend_schema(
        operation_id="texts_export",
        parameters=[
            OpenApiParameter(
                "as", enum=["markdown", "docx"], description="The form; Markdown without it."
            ),
            OpenApiParameter("version", int, description="Which version; the newest without it."),
        ],
        responses={(200, "text/markdown"): str, (200, MEDIA_TYPE): bytes},
    )
    def get(self, request: Request, text_id: UUID) -> HttpResponse:
        """A version in Markdown or as a Word file, with its sources."""
        return exported(actor_of(request), text_id, request.query_params)
