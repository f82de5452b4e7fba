import urllib.request

import pytest
from botocore.exceptions import ClientError

ODD_KEYS = ["plain.txt", "a/b/ü ?#%&+.pdf", "../../escape", "dots/./..", "x" * 900, "日本語/ファイル"]


def test_objects_survive_a_restart_with_metadata_and_tags(start):
    first = start()
    s3 = first.client("s3", region="eu-central-1")
    s3.create_bucket(
        Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    for number, key in enumerate(ODD_KEYS):
        s3.put_object(
            Bucket="kept",
            Key=key,
            Body=b"body %d" % number,
            ContentType="application/pdf",
            Metadata={"document": str(number)},
            Tagging="tenant=acme",
        )
    s3.put_object(Bucket="kept", Key="replaced", Body=b"old")
    s3.put_object(Bucket="kept", Key="replaced", Body=b"new")
    s3.put_object(Bucket="kept", Key="gone", Body=b"gone")
    s3.put_object(Bucket="kept", Key="gone too", Body=b"gone")
    s3.delete_object(Bucket="kept", Key="gone")
    s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": "gone too"}]})
    etag = s3.head_object(Bucket="kept", Key="plain.txt")["ETag"]
    first.process.kill()
    first.process.wait(timeout=5)

    s3 = start().client("s3", region="eu-central-1")
    assert s3.get_bucket_location(Bucket="kept")["LocationConstraint"] == "eu-central-1"
    listed = [row["Key"] for row in s3.list_objects_v2(Bucket="kept")["Contents"]]
    assert sorted(listed) == sorted([*ODD_KEYS, "replaced"])
    for number, key in enumerate(ODD_KEYS):
        kept = s3.get_object(Bucket="kept", Key=key)
        assert kept["Body"].read() == b"body %d" % number
        assert kept["ContentType"] == "application/pdf"
        assert kept["Metadata"] == {"document": str(number)}
        tags = s3.get_object_tagging(Bucket="kept", Key=key)["TagSet"]
        assert tags == [{"Key": "tenant", "Value": "acme"}]
    assert s3.head_object(Bucket="kept", Key="plain.txt")["ETag"] == etag
    assert s3.get_object(Bucket="kept", Key="replaced")["Body"].read() == b"new"


def test_bucket_settings_and_deleted_buckets_survive_a_restart(start):
    first = start()
    s3 = first.client("s3")
    s3.create_bucket(Bucket="settled")
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(
        Bucket="settled", LifecycleConfiguration={"Rules": [rule]}
    )
    s3.create_bucket(Bucket="dropped")
    s3.put_object(Bucket="dropped", Key="k", Body=b"v")
    s3.delete_object(Bucket="dropped", Key="k")
    s3.delete_bucket(Bucket="dropped")
    first.stop()
    s3 = start().client("s3")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["settled"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket="settled")["Rules"]
    assert rules[0]["Expiration"]["Days"] == 3


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
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert len(answer.read()) == 5 * 1024 * 1024 + 4


def test_a_missing_object_is_no_such_key(s3):
    s3.create_bucket(Bucket="empty")
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket="empty", Key="nothing")
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"
