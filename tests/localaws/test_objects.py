import urllib.request

import pytest
from botocore.exceptions import ClientError


def test_multipart_copy_ranges_and_presigned_addresses_work(s3, server):
    s3.create_bucket(Bucket="parts")
    upload = s3.create_multipart_upload(Bucket="parts", Key="big", ContentType="text/plain")
    pieces = [b"a" * 5 * 1024 * 1024, b"tail"]
    parts = []
    for number, piece in enumerate(pieces, start=1):
        done = s3.upload_part(
            Bucket="parts", Key="big", UploadId=upload["UploadId"], PartNumber=number, Body=piece
        )
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    s3.complete_multipart_upload(
        Bucket="parts", Key="big", UploadId=upload["UploadId"], MultipartUpload={"Parts": parts}
    )
    s3.copy_object(Bucket="parts", Key="copy", CopySource={"Bucket": "parts", "Key": "big"})
    tail = s3.get_object(Bucket="parts", Key="copy", Range="bytes=-6")["Body"].read()
    assert tail == b"aatail"
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "parts", "Key": "big"})
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - our own loopback
        assert len(answer.read()) == 5 * 1024 * 1024 + 4


def test_a_missing_object_is_no_such_key(s3):
    s3.create_bucket(Bucket="empty")
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket="empty", Key="nothing")
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"
