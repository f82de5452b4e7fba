"""REST: conversations, their messages, and writing. One class an operation."""

from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import connection
from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assistant.access import conversation_of
from assistant.actions import actions_open
from assistant.answering import answer
from assistant.keeping import conversation_pin, conversation_share
from assistant.models import Conversation, Message, Turn
from assistant.pages import citations_marked
from assistant.runner import turn_run, turn_stop
from assistant.selectors import conversations_found
from assistant.serializers import (
    ActionSerializer,
    AgainSerializer,
    AskMessageSerializer,
    AskWithFilesSerializer,
    ChosenSerializer,
    ConversationDetailSerializer,
    ConversationSerializer,
    DecisionSerializer,
    ListQuerySerializer,
    MessageSerializer,
    WriteSerializer,
    WrittenSerializer,
)
from assistant.services import (
    branch_choose,
    conversation_create,
    conversation_delete,
    conversation_rename,
    thorough_checked,
    turn_again,
    turn_begin,
    turn_decide,
    turn_edit,
)
from assistant.shapes import action_dict, conversation_dict, message_dict
from assistant.writing import Writing, task_checked
from tenants.accounts.selectors import actor_of
from tenants.aside import work_aside
from tenants.context import Actor, current
from tenants.sse import RENDERERS, event_stream, wants_events

ANSWER_WITHIN: Final = 300.0  # seconds that a client without events waits for a whole answer
DECIDED_WITHIN: Final = 5.0  # seconds in which a refusal still becomes an HTTP status


class ConversationListView(GenericAPIView[Conversation]):
    """The caller's conversations, newest first; begin one more."""

    roles: ClassVar = {"GET": "viewer", "POST": "viewer"}
    serializer_class = ConversationSerializer

    @extend_schema(
        operation_id="conversations_list",
        parameters=[ListQuerySerializer],
        responses=ConversationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """All of them, or with `q` those whose title or messages hold every word of it."""
        given = ListQuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        found = conversations_found(actor_of(request), given.validated_data.get("q", ""))
        page = self.paginate_queryset(found)
        return self.get_paginated_response(ConversationSerializer(page, many=True).data)

    @extend_schema(
        operation_id="conversations_create",
        request=ConversationSerializer,
        responses={201: ConversationDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Begin a conversation, with a title or without."""
        given = ConversationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        conversation = conversation_create(
            actor=actor_of(request), title=given.validated_data.get("title", "")
        )
        shape = {**conversation_dict(conversation), "messages": []}
        return Response(shape, status=status.HTTP_201_CREATED)


class ConversationView(APIView):
    """One conversation of the caller's own."""

    roles: ClassVar = {"GET": "viewer", "PATCH": "viewer", "DELETE": "viewer"}

    @extend_schema(operation_id="conversations_read", responses=ConversationDetailSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        actor = actor_of(request)
        conversation = conversation_of(actor, conversation_id)
        messages = [
            message_dict(message) for message in conversation.messages.prefetch_related("actions")
        ]
        shape = {
            **conversation_dict(conversation),
            "messages": citations_marked(actor, messages, conversation_id),
        }
        return Response(shape)

    @extend_schema(
        operation_id="conversations_rename",
        request=ConversationSerializer,
        responses=ConversationSerializer,
    )
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        """Rename it, pin it, share it with the workspace; each as it is given."""
        given = ConversationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data, actor = given.validated_data, actor_of(request)
        conversation = conversation_of(actor, conversation_id)
        if "title" in data or not data:
            conversation = conversation_rename(
                actor=actor, conversation_id=conversation_id, title=data.get("title", "")
            )
        if "pinned_at" in data:
            conversation = conversation_pin(
                actor=actor, conversation_id=conversation_id, pinned=data["pinned_at"]
            )
        if "shared_at" in data:
            conversation = conversation_share(
                actor=actor, conversation_id=conversation_id, shared=data["shared_at"]
            )
        return Response(conversation_dict(conversation))

    @extend_schema(operation_id="conversations_delete", responses={204: None})
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        """Delete the conversation with all its messages; an answer being written is stopped."""
        actor = actor_of(request)
        conversation_of(actor, conversation_id)
        turn_stop(conversation_id)
        conversation_delete(actor=actor, conversation_id=conversation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MessageListView(APIView):
    """Say something and get the answer."""

    roles: ClassVar = {"POST": "viewer"}
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="messages_create",
        request=AskWithFilesSerializer,
        responses={201: MessageSerializer, (200, "text/event-stream"): str},
    )
    def post(self, request: Request, conversation_id: UUID) -> HttpResponseBase:
        """Answer in one piece, or as the socket's events with `Accept: text/event-stream`."""
        given = AskWithFilesSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        thorough = thorough_checked(given.validated_data.get("thorough", False), "assistant")
        turn = turn_begin(
            actor=actor,
            conversation_id=conversation_id,
            text=given.validated_data["text"],
            attachment_ids=given.validated_data.get("attachment_ids", []),
        )
        return _answered(request, actor, turn, thorough)


class MessageAgainView(APIView):
    """Answer a question once more; the new answer is a sibling of the old one."""

    roles: ClassVar = {"POST": "viewer"}
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="messages_regenerate",
        parameters=[AgainSerializer],
        request=None,
        responses={201: MessageSerializer, (200, "text/event-stream"): str},
    )
    def post(self, request: Request, conversation_id: UUID, message_id: UUID) -> HttpResponseBase:
        given = AgainSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        thorough = thorough_checked(given.validated_data.get("thorough", False), "assistant")
        turn = turn_again(actor=actor, conversation_id=conversation_id, message_id=message_id)
        return _answered(request, actor, turn, thorough)


class MessageEditView(APIView):
    """Ask a question in other words; the new one is a sibling of the old one."""

    roles: ClassVar = {"POST": "viewer"}
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="messages_edit",
        request=AskMessageSerializer,
        responses={201: MessageSerializer, (200, "text/event-stream"): str},
    )
    def post(self, request: Request, conversation_id: UUID, message_id: UUID) -> HttpResponseBase:
        given = AskMessageSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        thorough = thorough_checked(given.validated_data.get("thorough", False), "assistant")
        turn = turn_edit(
            actor=actor,
            conversation_id=conversation_id,
            message_id=message_id,
            text=given.validated_data["text"],
        )
        return _answered(request, actor, turn, thorough)


class BranchView(APIView):
    """Choose which branch of a conversation is shown."""

    roles: ClassVar = {"POST": "viewer"}

    @extend_schema(
        operation_id="conversations_choose",
        request=ChosenSerializer,
        responses=ConversationSerializer,
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Show the branch of a message, to its newest end, on every device."""
        given = ChosenSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        conversation = branch_choose(
            actor=actor_of(request),
            conversation_id=conversation_id,
            message_id=given.validated_data["message_id"],
        )
        return Response(conversation_dict(conversation))


class ActionListView(APIView):
    """What waits for the caller's decision in a conversation."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="actions_list", responses=ActionSerializer(many=True))
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """The changes that the assistant proposed, nobody decided about, and that still count."""
        return Response(
            [action_dict(each) for each in actions_open(actor_of(request), conversation_id)]
        )


class ActionView(APIView):
    """Decide about a change that the assistant proposed."""

    roles: ClassVar = {"POST": "viewer"}
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="actions_decide",
        request=DecisionSerializer,
        responses={201: MessageSerializer, (200, "text/event-stream"): str},
    )
    def post(self, request: Request, conversation_id: UUID, action_id: UUID) -> HttpResponseBase:
        """Approve, which does it once and as you, or decline; the answer says what came of it."""
        given = DecisionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        turn = turn_decide(
            actor=actor,
            conversation_id=conversation_id,
            action_id=action_id,
            approve=given.validated_data["approve"],
        )
        return _answered(request, actor, turn, thorough=False)


class StopView(APIView):
    """Stop the answer that is being written."""

    roles: ClassVar = {"POST": "viewer"}

    @extend_schema(operation_id="conversations_stop", request=None, responses={204: None})
    def post(self, request: Request, conversation_id: UUID) -> Response:
        conversation_of(actor_of(request), conversation_id)
        turn_stop(conversation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _answered(request: Request, actor: Actor, turn: Turn, thorough: bool) -> HttpResponseBase:
    running = turn_run(current(), actor, turn, answer, thorough=thorough)
    connection.close()  # whoever waits for a model must not keep a pooled connection
    if wants_events(request):
        running.frames.wait_decided(DECIDED_WITHIN)
    else:
        running.frames.wait(ANSWER_WITHIN)
    if running.error is not None and not running.shown:
        raise running.error  # a refusal before any word (429, 402, 503) answers the request itself
    if wants_events(request):
        return event_stream(request._request, running.frames)
    message = Message.objects.get(id=turn.answer_id)
    [shape] = citations_marked(actor, [message_dict(message)], turn.conversation_id)
    return Response(shape, status=status.HTTP_201_CREATED)


class WriteView(APIView):
    """Draft, rewrite or summarize."""

    roles: ClassVar = {"POST": "member"}
    refused_unread: ClassVar = True
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="write",
        request=WriteSerializer,
        responses={200: WrittenSerializer, (200, "text/event-stream"): str},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Write in one piece, or as events with `Accept: text/event-stream`."""
        given = WriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        task = task_checked(actor=actor, **_write_members(given.validated_data))
        writing = Writing(actor=actor, task=task)
        if not wants_events(request):
            return Response(writing.write())
        work_aside(current(), writing.run)
        connection.close()
        writing.frames.wait_decided(DECIDED_WITHIN)
        if writing.error is not None and not writing.shown:
            raise writing.error
        return event_stream(request._request, writing.frames, gone=writing.cancelled.set)


def _write_members(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": data["task"],
        "instructions": data.get("instructions") or "",
        "text": data.get("text") or "",
        "document_ids": data.get("document_ids") or [],
        "thorough": data.get("thorough", False),
        "text_id": data.get("text_id"),
        "once": data.get("once") or "",
    }
