"""REST: large files, straight to storage in parts. One class an operation."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.access import document_of
from documents.models import Upload
from documents.parsing import NAME_CHARACTERS
from documents.serializers import DocumentSerializer
from documents.uploading import (
    ADDRESSES,
    DIRECT_BYTES,
    PART_BYTES,
    part_addresses,
    pieces_of,
    upload_abort,
    upload_begin,
    upload_complete,
    upload_of,
    uploads_open,
)
from tenants.accounts.selectors import actor_of
from tenants.asked import Asked
from tenants.multipart import ADDRESS_SECONDS


class UploadBeginSerializer(Asked):
    """The file that is to come."""

    name = serializers.CharField(
        max_length=10_000,
        trim_whitespace=False,
        help_text=f"Kept whole: at most {NAME_CHARACTERS} characters with its extension.",
    )
    size = serializers.IntegerField(
        min_value=0, max_value=2**62, help_text=f"Bytes; at most {DIRECT_BYTES:,}."
    )
    sha256 = serializers.RegexField(
        r"^[0-9a-fA-F]{64}\Z",
        required=False,
        help_text="Of the whole file; what arrives is held against it.",
    )
    collection = serializers.UUIDField(required=False, allow_null=True)
    bulk = serializers.BooleanField(
        default=False, help_text="One of many that come together: prepared by batch, for less."
    )
    keep_both = serializers.BooleanField(
        default=True,
        help_text="False: refuse a file that is here already with 409 `duplicate`, on completion or"
        " at once where `sha256` says so.",
    )


class PieceSerializer(serializers.Serializer[Any]):
    """A part of the file."""

    number = serializers.IntegerField(help_text="From 1.")
    size = serializers.IntegerField(help_text="Bytes.")
    etag = serializers.CharField(allow_null=True, help_text="Null: it has not arrived.")


class PartedUploadSerializer(serializers.Serializer[Any]):
    """An upload in parts."""

    id = serializers.UUIDField(help_text="Also of the document that it becomes.")
    name = serializers.CharField()
    size = serializers.IntegerField()
    part_bytes = serializers.IntegerField(help_text="Of every part but the last.")
    expires_at = serializers.DateTimeField(help_text="Until when it can be completed.")


class PartedUploadDetailSerializer(PartedUploadSerializer):
    joined = serializers.BooleanField(
        help_text="All parts have arrived and are one file: only its completion is missing."
    )
    parts = PieceSerializer(many=True, help_text="Empty once they are joined.")


class NumbersSerializer(Asked):
    """Which parts to send."""

    numbers = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=10_000),
        min_length=1,
        max_length=ADDRESSES,
    )


class AddressSerializer(serializers.Serializer[Any]):
    """Where one part goes."""

    number = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Exactly so many bytes are taken.")
    url = serializers.CharField(help_text="PUT the bytes here; S3 answers with an `ETag`.")


class AddressesSerializer(serializers.Serializer[Any]):
    """Addresses of parts, and how long they are good for."""

    parts = AddressSerializer(many=True)
    expires_in = serializers.IntegerField(help_text="Seconds.")


class EtagSerializer(Asked):
    """What S3 answered to a part."""

    number = serializers.IntegerField(min_value=1, max_value=10_000)
    etag = serializers.CharField(max_length=200)


class CompleteSerializer(Asked):
    """What the sender knows of the parts, and whether a duplicate is wanted."""

    parts = EtagSerializer(many=True, required=False, help_text="Held against what S3 has.")
    keep_both = serializers.BooleanField(
        default=False, help_text="True: keep it though the same content is here already."
    )


def _upload_dict(upload: Upload) -> dict[str, Any]:
    return {
        "id": str(upload.id),
        "name": upload.name,
        "size": upload.size,
        "part_bytes": PART_BYTES,
        "expires_at": upload.loose.remove_after,
    }


class UploadListView(APIView):
    """Uploads in parts; begin one."""

    roles: ClassVar = {"GET": "member", "POST": "member"}

    @extend_schema(
        operation_id="uploads_list", filters=False, responses=PartedUploadSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Your uploads that can go on, newest first."""
        return Response([_upload_dict(each) for each in uploads_open(actor_of(request))])

    @extend_schema(
        operation_id="uploads_begin",
        request=UploadBeginSerializer,
        responses={201: PartedUploadDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Reserve the storage of a file of up to 200 MB, and say into which parts to cut it.

        Ask for the parts' addresses, PUT the bytes there, then complete it, within a day. 50 of
        yours may be unfinished at once.
        """
        given = UploadBeginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        upload = upload_begin(
            actor=actor_of(request),
            name=data["name"],
            size=data["size"],
            sha256=data.get("sha256", ""),
            collection_id=data.get("collection"),
            bulk=data["bulk"],
            keep_both=data["keep_both"],
        )
        return Response(_detail(upload), status=status.HTTP_201_CREATED)


def _detail(upload: Upload) -> dict[str, Any]:
    parts = [
        {"number": piece.number, "size": piece.size, "etag": piece.etag}
        for piece in pieces_of(upload)
    ]
    return {**_upload_dict(upload), "joined": not parts, "parts": parts}


class UploadView(APIView):
    """One upload."""

    roles: ClassVar = {"GET": "member", "DELETE": "member"}

    @extend_schema(operation_id="uploads_read", responses=PartedUploadDetailSerializer)
    def get(self, request: Request, upload_id: UUID) -> Response:
        """Which parts have arrived: an upload that was cut off goes on with the others."""
        upload = upload_of(actor_of(request), upload_id)
        return Response(_detail(upload))

    @extend_schema(operation_id="uploads_abort", responses={204: None})
    def delete(self, request: Request, upload_id: UUID) -> Response:
        """Give it up: the parts go, and the storage is free at once."""
        upload_abort(actor=actor_of(request), upload_id=upload_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class UploadPartsView(APIView):
    """Where parts are sent."""

    roles: ClassVar = {"POST": "member"}

    @extend_schema(
        operation_id="uploads_parts", request=NumbersSerializer, responses=AddressesSerializer
    )
    def post(self, request: Request, upload_id: UUID) -> Response:
        """Addresses that are each good for one part of exactly its size, for 15 minutes."""
        given = NumbersSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        parts = part_addresses(
            actor=actor_of(request), upload_id=upload_id, numbers=given.validated_data["numbers"]
        )
        return Response({"parts": parts, "expires_in": ADDRESS_SECONDS})


class UploadCompleteView(APIView):
    """The end of an upload."""

    roles: ClassVar = {"POST": "member"}

    @extend_schema(
        operation_id="uploads_complete",
        request=CompleteSerializer,
        responses={201: OpenApiResponse(DocumentSerializer)},
    )
    def post(self, request: Request, upload_id: UUID) -> Response:
        """Make the parts a document; again, it is the same document.

        409 `upload_incomplete` names the parts to send again in `missing`. After 409 `duplicate`
        the file waits for an hour: complete it with `keep_both`, or delete the upload.
        """
        given = CompleteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        actor = actor_of(request)
        etags = {part["number"]: part["etag"] for part in given.validated_data.get("parts", [])}
        document = upload_complete(
            actor=actor,
            upload_id=upload_id,
            etags=etags,
            keep_both=given.validated_data["keep_both"],
        )
        shown = document_of(actor, document.id)
        return Response(DocumentSerializer(shown).data, status=status.HTTP_201_CREATED)
