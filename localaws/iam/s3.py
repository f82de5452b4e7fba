"""Which permissions an S3 request needs: read from its method, path, query and headers.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from localaws.iam.documents import Check

# Sub-resources of an object, and of a bucket: the noun of the action that reads or writes them.
_OBJECT = {
    "acl": "ObjectAcl",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
}
_BUCKET = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "AnalyticsConfiguration",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "inventory": "InventoryConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_LISTS = {
    "versions": "ListBucketVersions",
    "uploads": "ListBucketMultipartUploads",
    "location": "GetBucketLocation",
}


def object_arn(bucket: str, key: str) -> str:
    """The ARN of an object."""
    return f"arn:aws:s3:::{bucket}/{key}"


def checks_of(environ: Mapping[str, Any], bucket: str, key: str) -> list[Check]:
    """The permissions of one request; those of DeleteObjects are asked for key by key."""
    method = str(environ["REQUEST_METHOD"])
    query = dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True))
    if not bucket:
        return [Check("s3:ListAllMyBuckets", "*")]
    if key:
        return _of_object(environ, method, query, bucket, key)
    return [] if bulk_delete(environ, key) else [_of_bucket(method, query, bucket)]


def bulk_delete(environ: Mapping[str, Any], key: str) -> bool:
    """Whether a request is DeleteObjects."""
    query = dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True))
    return environ["REQUEST_METHOD"] == "POST" and not key and "delete" in query


def _of_bucket(method: str, query: Mapping[str, str], bucket: str) -> Check:
    arn = f"arn:aws:s3:::{bucket}"
    context: dict[str, str | list[str]] = {
        f"s3:{name}": query[name] for name in ("prefix", "delimiter", "max-keys") if name in query
    }
    for name, action in _LISTS.items():
        if name in query and method in ("GET", "HEAD"):
            return Check(f"s3:{action}", arn, context)
    for name, noun in _BUCKET.items():
        if name in query:
            if method in ("GET", "HEAD"):
                return Check(f"s3:Get{noun}", arn)
            deletes = method == "DELETE" and noun in ("BucketPolicy", "BucketWebsite")
            return Check(f"s3:{'Delete' if deletes else 'Put'}{noun}", arn)
    if method in ("GET", "HEAD"):
        return Check("s3:ListBucket", arn, context)
    if method == "POST":  # a form's upload: its key stands in the form
        return Check("s3:PutObject", object_arn(bucket, "*"))
    return Check("s3:CreateBucket" if method == "PUT" else "s3:DeleteBucket", arn)


def _of_object(
    environ: Mapping[str, Any], method: str, query: Mapping[str, str], bucket: str, key: str
) -> list[Check]:
    arn = object_arn(bucket, key)
    version = "Version" if "versionId" in query else ""
    for name, noun in _OBJECT.items():
        if name in query:
            verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(method, "Put")
            noun = noun.replace("Object", "ObjectVersion") if version else noun
            return [Check(f"s3:{verb}{noun}", arn)]
    if method in ("GET", "HEAD"):
        if "uploadId" in query:
            return [Check("s3:ListMultipartUploadParts", arn)]
        found = [Check(f"s3:GetObject{version}", arn)]
        if "attributes" in query:
            found.append(Check(f"s3:GetObject{version}Attributes", arn))
        return found
    if method == "DELETE":
        if "uploadId" in query:
            return [Check("s3:AbortMultipartUpload", arn)]
        return [Check(f"s3:DeleteObject{version}", arn)]
    if "restore" in query:
        return [Check("s3:RestoreObject", arn)]
    if "select" in query:
        return [Check("s3:GetObject", arn)]
    checks = [Check("s3:PutObject", arn)]
    if environ.get("HTTP_X_AMZ_TAGGING"):
        checks.append(Check("s3:PutObjectTagging", arn))
    if any(name.startswith(("HTTP_X_AMZ_ACL", "HTTP_X_AMZ_GRANT")) for name in environ):
        checks.append(Check("s3:PutObjectAcl", arn))
    path, _, number = str(environ.get("HTTP_X_AMZ_COPY_SOURCE", "")).partition("?versionId=")
    if path:
        read = "s3:GetObjectVersion" if number else "s3:GetObject"
        checks.append(Check(read, f"arn:aws:s3:::{unquote(path).lstrip('/')}"))
    return checks
