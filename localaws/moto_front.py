"""S3, STS and IAM: moto's applications, judged by policy before and kept on disk after."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, unquote

os.environ.setdefault("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", "1048576")
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "false")

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from localaws import cors, presigned
from localaws.errors import AwsError
from localaws.iam import engine, s3
from localaws.iam.assuming import Grant, granted
from localaws.iam.documents import Check
from localaws.iam.enforcement import refused_form
from localaws.iam.kept import KeptIam
from localaws.iam.principals import Principal, principal_of
from localaws.iam.written import check_written
from localaws.iam.xml import keys_allowed, refused, with_errors
from localaws.identity import Caller, Sessions
from localaws.objects import ObjectStore
from localaws.wire import Response, StartResponse, raw_path

SERVICES = ("s3", "sts", "iam")
_SETTINGS = {
    "accelerate",
    "acl",
    "cors",
    "encryption",
    "lifecycle",
    "logging",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "tagging",
    "versioning",
    "website",
}


class MotoFront:
    """Hands a request to moto, then mirrors what it changed before the answer leaves."""

    def __init__(self, objects: ObjectStore, sessions: Sessions, iam: KeptIam) -> None:
        self._objects = objects
        self._sessions = sessions
        self._iam = iam
        self._apps: dict[str, Any] = {}
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Bring back IAM, buckets, objects and bucket settings from disk."""
        self._iam.load()
        for bucket, setting, body in self._objects.load():
            builder = EnvironBuilder(
                path=f"/{bucket}",
                method="PUT",
                query_string=setting,
                data=body.encode(),
                base_url="http://localhost",
            )
            run_wsgi_app(self._app("s3"), builder.get_environ(), buffered=True)

    def _app(self, service: str) -> Any:
        with self._lock:
            if service not in self._apps:
                app = create_backend_app(service)  # type: ignore[arg-type]
                app.debug = False
                self._apps[service] = app
            return self._apps[service]

    def handle(
        self, service: str, caller: Caller, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one request of S3, STS or IAM; other services are refused in plain words."""
        if service not in SERVICES:
            refusal = {"message": f"The local AWS does not offer the service {service!r}."}
            return Response.of_json(refusal, status=501).send(start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        # Moto reads keys from the undecoded target, which it knows by this name.
        environ["RAW_URI"] = environ.get("REQUEST_URI", "")
        try:
            if service == "s3" and environ["REQUEST_METHOD"] == "OPTIONS":
                headers = cors.answered(self._cors(environ), environ)
                start_response("200 OK", [*headers, ("Content-Length", "0")])
                return []
            if caller.expired:
                words = "The security token included in the request is expired"
                raise AwsError("ExpiredToken", words, status=400 if service == "s3" else 403)
            if service == "s3":
                presigned.check(environ, caller)
                return self._s3(caller, environ, body, self._crossing(environ, start_response))
            return self._form(service, caller, environ, body, start_response)
        except AwsError as error:
            head = environ["REQUEST_METHOD"] == "HEAD"
            if service == "s3":  # a page may read why it is refused
                start_response = self._crossing(environ, start_response)
            return refused(service, error, head=head).send(start_response)

    def _cors(self, environ: Mapping[str, Any]) -> bytes | None:
        setting = self._objects.setting(bucket_and_key(environ)[0], "cors")
        return None if setting is None else setting.encode()

    def _crossing(self, environ: Mapping[str, Any], start_response: StartResponse) -> StartResponse:
        """Put what the bucket's CORS configuration says in the place of what moto does."""
        if not environ.get("HTTP_ORIGIN"):
            return start_response
        own = cors.allowed(self._cors(environ), environ, str(environ["REQUEST_METHOD"]))

        def answered(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [each for each in headers if not each[0].lower().startswith("access-control-")]
            return start_response(status, [*kept, *own], *more)

        return answered

    # STS and IAM ----------------------------------------------------------------------------

    def _form(
        self,
        service: str,
        caller: Caller,
        environ: dict[str, Any],
        body: bytes,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        principal, action = principal_of(caller), form.get("Action", "")
        grant: Grant | None = None
        if service == "sts" and action == "AssumeRole":
            grant = granted(form, caller, principal)
        elif service == "sts" and action.startswith("AssumeRole"):
            raise AwsError("InvalidAction", f"The local AWS does not offer {action}.")
        elif principal is not None:
            words = refused_form(caller, principal, service, form)
            # A key that these give out would be nobody's, which here is the administrator.
            if words is None and action in ("GetSessionToken", "GetFederationToken"):
                words = f"The local AWS offers {action} to the administrator alone."
            if words is not None:
                raise AwsError("AccessDenied", words, status=403)
        if service == "iam":
            check_written(form, caller.account)
        chunks, status, headers = run_wsgi_app(self._app(service), environ, buffered=True)
        content = b"".join(chunks)
        if status.startswith("2"):
            if service == "iam" and not action.startswith(("Get", "List")):
                self._iam.save(caller.account)
            elif grant is not None:
                content = re.sub(
                    rb"(<PackedPolicySize>)\d+", rb"\g<1>%d" % grant.packed_percent, content
                )
                self._sessions.remember(content.decode("utf-8", "replace"), grant)
            elif action == "GetCallerIdentity":  # moto forgets sessions at a restart
                content = re.sub(rb"<Arn>[^<]*", b"<Arn>" + caller.arn.encode(), content)
        headers["Content-Length"] = str(len(content))
        start_response(status, list(headers))
        return [content]

    # S3 -------------------------------------------------------------------------------------

    def _s3(
        self, caller: Caller, environ: dict[str, Any], body: bytes, start_response: StartResponse
    ) -> Iterable[bytes]:
        bucket, key = bucket_and_key(environ)
        principal = principal_of(caller)
        refused_keys: list[tuple[str, str]] = []
        if principal is not None:
            self._require(caller, principal, s3.checks_of(environ, bucket, key))
            if s3.bulk_delete(environ, key):
                left, refused_keys = self._keys_allowed(caller, principal, bucket, body)
                if left is None:
                    answer = Response(200, with_errors(b"", refused_keys), "application/xml")
                    return answer.send(start_response)
                if refused_keys:
                    _replace_body(environ, left)
        self._check_upload(environ, body)
        reads = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        if reads and principal is None:
            passed: Iterable[bytes] = self._app("s3")(environ, start_response)
            return passed
        chunks, status, headers = run_wsgi_app(self._app("s3"), environ, buffered=not reads)
        if reads:
            parts = "uploadId=" in str(environ.get("QUERY_STRING", ""))
            if status.startswith("404") and key and principal is not None and not parts:
                # S3 says that a key is missing only to who may list the bucket; an upload in
                # parts that is gone is NoSuchUpload to anybody who may list parts.
                listing = Check("s3:ListBucket", f"arn:aws:s3:::{bucket}")
                self._require(caller, principal, [listing])
            start_response(status, list(headers))
            return chunks
        content = b"".join(chunks)
        if status.startswith("2"):
            self._mirror(environ, body)
        if refused_keys and status.startswith("2"):
            content = with_errors(content, refused_keys)
            headers["Content-Length"] = str(len(content))
        start_response(status, list(headers))
        return [content]

    def _check_upload(self, environ: Mapping[str, Any], body: bytes) -> None:
        """Refuse what moto takes: an upload of another key or of none, parts out of order."""
        upload = dict(parse_qsl(str(environ.get("QUERY_STRING", "")))).get("uploadId")
        if upload is None:
            return
        name, key = bucket_and_key(environ)
        bucket = self._objects.bucket(name) if name else None
        found = bucket.multiparts.get(upload) if bucket is not None else None
        if bucket is not None and (found is None or found.key_name != key):
            words = "The specified upload does not exist. The upload ID may be invalid, or the"
            words = f"{words} upload may have been aborted or completed."
            raise AwsError("NoSuchUpload", words, status=404)
        if environ["REQUEST_METHOD"] == "POST":
            numbers = [int(number) for number in re.findall(rb"<PartNumber>\s*(\d{1,9})", body)]
            if any(first >= second for first, second in pairwise(numbers)):
                words = "The list of parts was not in ascending order. Parts must be ordered by"
                raise AwsError("InvalidPartOrder", f"{words} part number.", status=400)

    def _require(self, caller: Caller, principal: Principal, checks: list[Check]) -> None:
        context = engine.base_context(caller, principal.username)
        found = engine.first_refusal(principal, checks, context)
        if found is not None:
            raise AwsError("AccessDenied", found[1], status=403)

    def _keys_allowed(
        self, caller: Caller, principal: Principal, bucket: str, body: bytes
    ) -> tuple[bytes | None, list[tuple[str, str]]]:
        context = engine.base_context(caller, principal.username)

        def refusal_of(key: str) -> str | None:
            check = Check("s3:DeleteObject", s3.object_arn(bucket, key))
            return engine.refusal(principal, check, context)

        return keys_allowed(body, refusal_of)

    def _mirror(self, environ: Mapping[str, Any], body: bytes) -> None:
        bucket, key = bucket_and_key(environ)
        if not bucket:
            return
        if key:
            self._objects.sync_key(bucket, key)
            return
        query = {name for name, _ in parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)}
        setting = next(iter(query & _SETTINGS), None)
        if setting is not None:
            kept = body if environ["REQUEST_METHOD"] == "PUT" else None
            self._objects.keep_setting(bucket, setting, kept)
        else:
            self._objects.sync_bucket(bucket)


def _replace_body(environ: dict[str, Any], body: bytes) -> None:
    """Put another body into a request; what was computed over the old one goes."""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    for name in list(environ):
        if name == "HTTP_CONTENT_MD5" or name.startswith("HTTP_X_AMZ_CHECKSUM"):
            del environ[name]


def bucket_and_key(environ: Mapping[str, Any]) -> tuple[str, str]:
    """The bucket and key that a request names, by path or by virtual host."""
    host = str(environ.get("HTTP_HOST", "")).partition(":")[0]
    path = unquote(raw_path(environ)).lstrip("/")
    label, _, rest = host.partition(".")
    if rest.startswith(("s3.", "s3-")) or rest == "localhost":
        return label, path
    bucket, _, key = path.partition("/")
    return bucket, key
