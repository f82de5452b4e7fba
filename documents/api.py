"""REST: documents and questions. One class an operation; `config` renders what is raised."""

from typing import Any, ClassVar
from uuid import UUID, uuid4

from django.db import transaction
from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.access import document_of
from documents.ask import ask
from documents.asking import asked_aside
from documents.attaching import document_readable
from documents.models import Document
from documents.selectors import document_list, document_text
from documents.serializers import (
    AnswerSerializer,
    AskSerializer,
    BulkSerializer,
    ChangeSerializer,
    DocumentSerializer,
    DocumentTextSerializer,
    ListQuerySerializer,
    TextQuerySerializer,
    UploadSerializer,
    VersionUploadSerializer,
)
from documents.services import (
    document_delete,
    document_rename,
    document_retry,
    document_upload,
    documents_act,
    documents_move,
    documents_tag,
)
from documents.unmasking import text_shown
from documents.uploads import declared_size_check, sent_name
from documents.versions import versions_of
from search.retrieval import RetrievalScope
from tenants.accounts.selectors import actor_of
from tenants.sse import RENDERERS, wants_events


class DocumentListView(GenericAPIView[Document]):
    """The workspace's documents, newest first."""

    roles: ClassVar = {"GET": "viewer", "POST": "member"}
    parser_classes = (MultiPartParser,)
    serializer_class = DocumentSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a declared size before authentication reads the body for its CSRF token."""
        declared_size_check(request.META.get("CONTENT_LENGTH"))
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="documents_list",
        parameters=[ListQuerySerializer],
        responses=DocumentSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        given = ListQuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        listed = document_list(
            actor_of(request),
            query=wanted.get("q", ""),
            tag=wanted.get("tag", ""),
            collection=wanted.get("collection"),
            status=wanted.get("status", ""),
            kind=wanted.get("kind", ""),
            added_from=wanted.get("added_from"),
            added_before=wanted.get("added_before"),
        )
        page = self.paginate_queryset(listed)
        rows = DocumentSerializer(page, many=True)  # type: ignore[arg-type] # a list, being many
        return self.get_paginated_response(rows.data)

    @extend_schema(
        operation_id="documents_upload",
        request={"multipart/form-data": UploadSerializer},
        responses={201: DocumentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Upload a file of up to 50 MB; watch `status` until it is `ready` or `failed`."""
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        document = document_upload(
            actor=actor_of(request),
            file=file.file,
            name=sent_name(file),
            collection_id=given.validated_data.get("collection"),
            bulk=given.validated_data["bulk"],
            keep_both=given.validated_data["keep_both"],
        )
        return _document(request, document.id, status.HTTP_201_CREATED)


class DocumentView(APIView):
    """One document."""

    roles: ClassVar = {"GET": "viewer", "PATCH": "member", "DELETE": "member"}

    @extend_schema(operation_id="documents_read", responses=DocumentSerializer)
    def get(self, request: Request, document_id: UUID) -> Response:
        return _document(request, document_id)

    @extend_schema(
        operation_id="documents_change", request=ChangeSerializer, responses=DocumentSerializer
    )
    def patch(self, request: Request, document_id: UUID) -> Response:
        """Rename the document, give it tags, or move it into other collections.

        Collections that you may not add to keep it. Where a part is refused, nothing is changed.
        """
        given = ChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor, wanted = actor_of(request), given.validated_data
        document_of(actor, document_id)
        with transaction.atomic():  # all of it or, where one is refused, nothing
            if "collections" in wanted:
                documents_move(
                    actor=actor, document_ids=[document_id], collection_ids=wanted["collections"]
                )
            if "tags" in wanted:
                documents_tag(actor=actor, document_ids=[document_id], tags=wanted["tags"])
            if "name" in wanted:
                document_rename(actor=actor, document_id=document_id, name=wanted["name"])
        return _document(request, document_id)

    @extend_schema(operation_id="documents_delete", responses={204: None})
    def delete(self, request: Request, document_id: UUID) -> Response:
        """Delete the document and its older versions: from this moment they cannot be retrieved."""
        document_delete(actor=actor_of(request), document_id=document_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DocumentBulkView(APIView):
    """Delete, move or tag several documents."""

    roles: ClassVar = {"POST": "member"}

    @extend_schema(operation_id="documents_bulk", request=BulkSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Do it to all of the documents, or to none: 404 where one is missing."""
        given = BulkSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        documents_act(
            actor=actor_of(request),
            action=wanted["action"],
            document_ids=wanted["document_ids"],
            collection_ids=wanted["collection_ids"],
            tags=wanted["tags"],
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class DocumentVersionsView(APIView):
    """A document's versions; put another file in its place."""

    roles: ClassVar = {"GET": "viewer", "POST": "member"}
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a declared size before authentication reads the body for its CSRF token."""
        declared_size_check(request.META.get("CONTENT_LENGTH"))
        super().initial(request, *args, **kwargs)

    @extend_schema(operation_id="versions_list", responses=DocumentSerializer(many=True))
    def get(self, request: Request, document_id: UUID) -> Response:
        """All versions, newest first, whichever of them the address names."""
        actor = actor_of(request)
        versions = versions_of(actor, document_of(actor, document_id))
        return Response(DocumentSerializer(versions, many=True).data)  # type: ignore[arg-type]

    @extend_schema(
        operation_id="versions_upload",
        request={"multipart/form-data": VersionUploadSerializer},
        responses={201: DocumentSerializer},
    )
    def post(self, request: Request, document_id: UUID) -> Response:
        """Upload the next version: a document of its own, with its own id.

        The version before it is searched until this one is `ready`; citations of it go on opening
        it, marked as of a replaced version. Refuses the newest version's content: `same_version`.
        """
        actor = actor_of(request)
        document_of(actor, document_id)
        given = VersionUploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        made = document_upload(
            actor=actor, file=file.file, name=sent_name(file), replaces=document_id
        )
        return _document(request, made.id, status.HTTP_201_CREATED)


class DocumentRetryView(APIView):
    """Try a failed document again."""

    roles: ClassVar = {"POST": "member"}

    @extend_schema(operation_id="documents_retry", request=None, responses=DocumentSerializer)
    def post(self, request: Request, document_id: UUID) -> Response:
        document_retry(actor=actor_of(request), document_id=document_id)
        return _document(request, document_id)


class DocumentTextView(APIView):
    """The extracted text that quotations and offsets refer to."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(
        operation_id="documents_text",
        parameters=[TextQuerySerializer],
        responses=DocumentTextSerializer,
    )
    def get(self, request: Request, document_id: UUID) -> Response:
        """Return `text[start:end]`, at most 100,000 characters a request.

        Where personal data is masked, the masked form of that part of the original, as quotations
        have it; owners and admins may ask for the original, which leaves an audit row.
        """
        given = TextQuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        document = document_readable(actor_of(request), document_id)
        content = document_text(document.id)
        text = text_shown(
            actor=actor_of(request),
            document=document,
            content=content,
            unmasked=given.validated_data["unmasked"],
        )
        start = min(given.validated_data["start"], len(content.text))
        end = min(given.validated_data["end"], len(content.text))
        pages = [
            {"number": number, "start": first, "end": last}
            for number, first, last in content.pages
            if first < end and last > start
        ]
        first, last = text.place(start, end)
        return Response(
            {
                "text": text.text[first:last],
                "masked": text.masking is not None,
                "start": start,
                "end": end,
                "characters": len(content.text),
                "pages": pages,
            }
        )


class AskView(APIView):
    """Answer a question from the documents, with exact quotations."""

    roles: ClassVar = {"POST": "viewer"}
    refused_unread: ClassVar = True
    parser_classes = (JSONParser,)

    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="ask",
        request=AskSerializer,
        responses={200: AnswerSerializer, (200, "text/event-stream"): str},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Answer in one piece, or as events with `Accept: text/event-stream`.

        Events: `tool` (`name` is `search_documents` or `check_quotations`), `delta` with words as
        they come, `withdrawn` where those before it do not hold, and at the end `finished` with
        the whole answer, or `error`.
        """
        given = AskSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        actor, question = actor_of(request), data["question"]
        scope = RetrievalScope(
            document_ids=_ids(data.get("document_ids")),
            collection_ids=_ids(data.get("collection_ids")),
        )
        if wants_events(request):
            return asked_aside(
                request._request,
                actor=actor,
                question=question,
                scope=scope,
                finished=lambda answer: AnswerSerializer(answer).data,
            )
        # The ledger's key is never a client's: a repeated X-Request-ID would be counted once.
        answer = ask(actor=actor, question=question, scope=scope, request_id=uuid4())
        return Response(AnswerSerializer(answer).data)


def _document(request: Request, document_id: UUID, code: int = status.HTTP_200_OK) -> Response:
    shown = document_of(actor_of(request), document_id)
    return Response(DocumentSerializer(shown).data, status=code)


def _ids(given: list[UUID] | None) -> frozenset[UUID] | None:
    return None if given is None else frozenset(given)
