"""REST around a conversation: what others share, export, ratings."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assistant.access import (
    conversation_of,
    conversation_shared_with,
    conversations_shared_with,
)
from assistant.keeping import answer_rate, rating_dict
from assistant.keepingviews import exported
from assistant.models import Conversation
from assistant.pages import citations_readable
from assistant.selectors import branch_of
from assistant.serializers import (
    ConversationDetailSerializer,
    ConversationSerializer,
    RatingSerializer,
)
from assistant.shapes import conversation_dict, message_dict
from tenants.accounts.selectors import actor_of


class SharedListView(GenericAPIView[Conversation]):
    """Conversations that others in the workspace share."""

    roles: ClassVar = {"GET": "viewer"}
    serializer_class = ConversationSerializer

    @extend_schema(operation_id="shared_list", responses=ConversationSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(conversations_shared_with(actor_of(request)))
        return self.get_paginated_response(ConversationSerializer(page, many=True).data)


class SharedView(APIView):
    """One conversation that is shared, to be read."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="shared_read", responses=ConversationDetailSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """The branch that its user shows, with the citations that you may open."""
        actor = actor_of(request)
        conversation = conversation_shared_with(actor, conversation_id)
        shapes = [message_dict(message) for message in branch_of(conversation).thread]
        for shape in shapes:
            shape.pop("actions", None)
            shape.pop("rating", None)
        return Response(
            {
                **conversation_dict(conversation),
                "messages": citations_readable(actor, shapes, conversation.id),
            }
        )


class ExportView(APIView):
    """A conversation as a file."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(
        operation_id="conversations_export",
        parameters=[
            OpenApiParameter(
                "as", enum=["markdown", "json"], description="The form; Markdown without it."
            )
        ],
        responses={(200, "text/markdown"): str, (200, "application/json"): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, conversation_id: UUID) -> HttpResponse:
        """The branch that is shown in Markdown, or every branch in JSON."""
        conversation = conversation_of(actor_of(request), conversation_id)
        return exported(conversation, request.query_params.get("as", "markdown"))


class RatingView(APIView):
    """What its user thinks of an answer."""

    roles: ClassVar = {"PUT": "viewer"}

    @extend_schema(
        operation_id="messages_rate", request=RatingSerializer, responses=RatingSerializer
    )
    def put(self, request: Request, conversation_id: UUID, message_id: UUID) -> Response:
        """Keep a rating with a reason; null takes it back."""
        given = RatingSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data: dict[str, Any] = given.validated_data
        message = answer_rate(
            actor=actor_of(request),
            conversation_id=conversation_id,
            message_id=message_id,
            rating=data["rating"] or "",
            reason=data.get("reason", ""),
        )
        return Response(rating_dict(message))
