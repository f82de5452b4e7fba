"""S3, STS and IAM: moto's applications, with objects and sessions written through to disk."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

os.environ.setdefault("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", "1048576")
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "false")

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from localaws.identity import Sessions
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

    def __init__(self, objects: ObjectStore, sessions: Sessions) -> None:
        self._objects = objects
        self._sessions = sessions
        self._apps: dict[str, Any] = {}
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Bring back buckets, objects and bucket settings from disk."""
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
        self, service: str, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one request of S3, STS or IAM; other services are refused in plain words."""
        if service not in SERVICES:
            refusal = {"message": f"The local AWS does not offer the service {service!r}."}
            return Response.of_json(refusal, status=501).send(start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        # Moto reads keys from the undecoded target, which it knows by this name.
        environ["RAW_URI"] = environ.get("REQUEST_URI", "")
        if service == "s3" and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            answer: Iterable[bytes] = self._app("s3")(environ, start_response)
            return answer
        chunks, status, headers = run_wsgi_app(self._app(service), environ, buffered=True)
        content = b"".join(chunks)
        if status.startswith("2"):
            if service == "s3":
                self._mirror(environ, body)
            elif service == "sts":
                self._sessions.remember(body, content.decode("utf-8", "replace"))
        start_response(status, list(headers))
        return [content]

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


def bucket_and_key(environ: Mapping[str, Any]) -> tuple[str, str]:
    """The bucket and key that a request names, by path or by virtual host."""
    host = str(environ.get("HTTP_HOST", "")).partition(":")[0]
    path = unquote(raw_path(environ)).lstrip("/")
    label, _, rest = host.partition(".")
    if rest.startswith(("s3.", "s3-")) or rest == "localhost":
        return label, path
    bucket, _, key = path.partition("/")
    return bucket, key
