"""REST: files that are attached to a conversation. One class an operation."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assistant.access import conversation_of
from assistant.attaching import (
    attachment_add,
    attachment_dict,
    attachment_keep,
    attachment_of,
    attachment_remove,
    attachments_unsent,
)
from assistant.serializers import AttachmentSerializer
from documents.access import document_of
from documents.serializers import DocumentSerializer, VersionUploadSerializer
from documents.uploads import declared_size_check, sent_name
from tenants.accounts.selectors import actor_of


class AttachmentListView(APIView):
    """Files that wait for the next message; attach one more."""

    roles: ClassVar = {"GET": "viewer", "POST": "member"}  # an upload, which counts as storage
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a declared size before authentication reads the body for its CSRF token."""
        declared_size_check(request.META.get("CONTENT_LENGTH"))
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="attachments_list",
        filters=False,
        responses=AttachmentSerializer(many=True),
    )
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """The files of the conversation that no message has yet; unsent ones go after a day."""
        conversation_of(actor_of(request), conversation_id)
        return Response([attachment_dict(each) for each in attachments_unsent(conversation_id)])

    @extend_schema(
        operation_id="attachments_create",
        request={"multipart/form-data": VersionUploadSerializer},
        responses={
            201: AttachmentSerializer,
            200: OpenApiResponse(AttachmentSerializer, "The conversation has this file already."),
        },
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Attach a file of up to 50 MB; send it with a message once its `status` is `ready`.

        A picture (PNG, JPEG, WebP, GIF; up to 40 million pixels) is shown to a model that sees, at
        most ten in an answer; 422 `picture_not_masked` where the workspace masks personal data,
        `pictures_unseen` where no model of its plan sees.

        The file belongs to the conversation: the workspace's documents and search leave it out.
        Attaching the same file again answers 200 with the one that is there.
        """
        actor = actor_of(request)
        conversation_of(actor, conversation_id)
        given = VersionUploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        document, new = attachment_add(
            actor=actor, conversation_id=conversation_id, file=file.file, name=sent_name(file)
        )
        code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response(attachment_dict(document), status=code)


class AttachmentView(APIView):
    """One file of a conversation."""

    roles: ClassVar = {"GET": "viewer", "DELETE": "viewer"}

    @extend_schema(operation_id="attachments_read", responses=AttachmentSerializer)
    def get(self, request: Request, conversation_id: UUID, attachment_id: UUID) -> Response:
        """How far its reading is; its text is at `documents/{id}/text/`."""
        found = attachment_of(actor_of(request), conversation_id, attachment_id)
        return Response(attachment_dict(found))

    @extend_schema(operation_id="attachments_delete", responses={204: None})
    def delete(self, request: Request, conversation_id: UUID, attachment_id: UUID) -> Response:
        """Take a file back that no message has; one that a message has: 409 `attachment_sent`."""
        attachment_remove(
            actor=actor_of(request), conversation_id=conversation_id, attachment_id=attachment_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class AttachmentKeepView(APIView):
    """Make an attached file a document of the workspace."""

    roles: ClassVar = {"POST": "member"}

    @extend_schema(operation_id="attachments_keep", request=None, responses=DocumentSerializer)
    def post(self, request: Request, conversation_id: UUID, attachment_id: UUID) -> Response:
        """From now on everybody in the workspace finds and reads it; the messages keep it too."""
        actor = actor_of(request)
        kept = attachment_keep(
            actor=actor, conversation_id=conversation_id, attachment_id=attachment_id
        )
        return Response(DocumentSerializer(document_of(actor, kept.id)).data)
