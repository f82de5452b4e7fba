"""Uploads in parts, straight from a browser to S3: made, looked at and ended here.

A part goes to an address that is signed with the tenant's own credentials, for one key, one part
and one length, for minutes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tenants.aws import BotoCoreError, ClientError, client, translated
from tenants.context import current
from tenants.objects import absolute_key, bucket

ADDRESS_SECONDS: Final = 900  # that the address of a part is good for
GONE: Final = ("NoSuchUpload", "NoSuchKey", "404")


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is in S3."""

    number: int  # from 1
    size: int  # bytes
    etag: str


def multipart_begin(key: str) -> str:
    """Begin an upload in parts; return S3's id of it. Raises AwsError."""
    try:
        begun = client("s3").create_multipart_upload(
            Bucket=bucket(current().region),
            Key=absolute_key(key),
            ContentType="application/octet-stream",
        )
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return begun["UploadId"]


def part_address(key: str, upload_id: str, number: int, size: int) -> str:
    """Return where a browser PUTs a part of exactly `size` bytes, for `ADDRESS_SECONDS`."""
    return client("s3").generate_presigned_url(
        "upload_part",
        Params={
            "Bucket": bucket(current().region),
            "Key": absolute_key(key),
            "UploadId": upload_id,
            "PartNumber": number,
            "ContentLength": size,
        },
        ExpiresIn=ADDRESS_SECONDS,
    )


def parts_there(key: str, upload_id: str) -> list[Part] | None:
    """Return the parts that have arrived; None where S3 knows no such upload. Raises AwsError."""
    pages = client("s3").get_paginator("list_parts")
    found = []
    try:
        for page in pages.paginate(
            Bucket=bucket(current().region), Key=absolute_key(key), UploadId=upload_id
        ):
            found += [
                Part(part["PartNumber"], part["Size"], part["ETag"].strip('"'))
                for part in page.get("Parts", ())
            ]
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return None
        raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error
    return found


def multipart_complete(key: str, upload_id: str, parts: Sequence[Part]) -> bool:
    """Make the parts one object; False where S3 knows no such upload. Raises AwsError."""
    try:
        client("s3").complete_multipart_upload(
            Bucket=bucket(current().region),
            Key=absolute_key(key),
            UploadId=upload_id,
            MultipartUpload={"Parts": [{"PartNumber": p.number, "ETag": p.etag} for p in parts]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return False
        raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error
    return True


def multipart_abort(key: str, upload_id: str) -> None:
    """End an upload and let S3 drop its parts; one that is gone is no error. Raises AwsError."""
    try:
        client("s3").abort_multipart_upload(
            Bucket=bucket(current().region), Key=absolute_key(key), UploadId=upload_id
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error


def uploads_source() -> str:
    """Return what a page's policy lets its scripts send to: the tenant's own documents in S3."""
    where = f"{bucket(current().region)}/{absolute_key('documents')}/"
    return f"{client('s3').meta.endpoint_url.rstrip('/')}/{quote(where)}"
