"""Uploads in parts and what pages of other origins may do, as S3 answers them."""

import httpx
import pytest
from botocore.exceptions import ClientError

SMALL = 1024


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"][
        "HTTPStatusCode"
    ]


def test_parts_that_are_missing_small_or_wrong_are_refused_with_s3s_codes(s3):
    s3.create_bucket(Bucket="pieces")
    where = {"Bucket": "pieces", "Key": "big"}
    upload = {**where, "UploadId": s3.create_multipart_upload(**where)["UploadId"]}
    etags = [
        s3.upload_part(**upload, PartNumber=number, Body=b"a" * SMALL)["ETag"] for number in (1, 2)
    ]
    listed = s3.list_parts(**upload)["Parts"]
    assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in listed] == [
        (1, SMALL, etags[0]),
        (2, SMALL, etags[1]),
    ]

    def complete(*parts):
        chosen = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        return refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": chosen})

    assert complete((1, etags[0]), (2, etags[1])) == ("EntityTooSmall", 400)
    assert complete((1, '"0000"')) == ("InvalidPart", 400)
    assert complete((7, etags[0])) == ("InvalidPart", 400)
    assert complete((2, etags[1]), (1, etags[0])) == ("InvalidPartOrder", 400)
    other = {**upload, "Key": "other"}  # an upload is its key's alone
    assert refused(s3.upload_part, **other, PartNumber=1, Body=b"a") == ("NoSuchUpload", 404)
    s3.abort_multipart_upload(**upload)
    for call, more in (
        (s3.list_parts, {}),
        (s3.abort_multipart_upload, {}),
        (s3.upload_part, {"PartNumber": 1, "Body": b"a"}),
        (s3.complete_multipart_upload,
         {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etags[0]}]}}),
    ):  # fmt: skip
        assert refused(call, **upload, **more) == ("NoSuchUpload", 404)


def test_pages_of_other_origins_may_do_what_the_bucket_says(s3, server):
    s3.create_bucket(Bucket="crossed")
    address = s3.generate_presigned_url(
        "put_object", Params={"Bucket": "crossed", "Key": "a", "ContentLength": 2}
    )
    asks = {"Origin": "http://acme.example", "Access-Control-Request-Method": "PUT"}

    def preflight(**more):
        return httpx.options(address, headers={**asks, **more}, trust_env=False)

    assert (preflight().status_code, "not enabled" in preflight().text) == (403, True)
    rule = {
        "AllowedOrigins": ["http://*.example"],
        "AllowedMethods": ["PUT"],
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket="crossed", CORSConfiguration={"CORSRules": [rule]})
    assert preflight().headers["Access-Control-Allow-Origin"] == "http://acme.example"
    assert preflight(Origin="http://evil.test").status_code == 403
    assert preflight(**{"Access-Control-Request-Method": "DELETE"}).status_code == 403
    assert preflight(**{"Access-Control-Request-Headers": "x-amz-acl"}).status_code == 403
    origin = {"Origin": "http://acme.example"}
    done = httpx.put(address, content=b"ab", headers=origin, trust_env=False)
    assert done.status_code == 200
    assert done.headers["Access-Control-Expose-Headers"] == "ETag"
    elsewhere = httpx.put(
        address, content=b"ab", headers={"Origin": "http://evil.test"}, trust_env=False
    )
    assert "Access-Control-Allow-Origin" not in elsewhere.headers
