"""`Idempotency-Key`: a POST that is sent again gets the first one's answer and does nothing twice.

A form that makes something carries a key of its own, written when its page is (`{% once %}`): a
second click, a browser that sends again over a new line, and the back button lead to where the
first did.

A key is its user's own, for a day. It is claimed in one statement before the view runs; what the
view answers is kept, sealed, once it has succeeded. Once anything was deleted or closed in the
workspace, an earlier answer, which may quote it, is not given again. A refused or failed request
lets its key go, so that it can be sent again. A process that dies leaves the claim, which lapses.
"""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID, uuid4

from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext, gettext_lazy
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.accounts.models import AuditEvent, KeptAnswer, User
from tenants.errors import Conflict, Invalid, TenantryError
from tenants.secretbox import secret_open, secret_seal

if TYPE_CHECKING:  # DRF's views read this module's classes while they are being imported
    from rest_framework.views import APIView

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
FIELD: Final = "once"  # of a form: its key
UNTOLD: Final = {FIELD, "csrfmiddlewaretoken"}  # what differs where nothing else does
LOOKS: Final = 40  # for the answer of a form that is being carried out
LOOK_EVERY: Final = 0.25  # seconds
KEY_CHARACTERS: Final = 255
KEPT_BYTES: Final = 1_000_000  # of an answer
KEPT_HOURS: Final = 24
CLAIM_SECONDS: Final = 330  # longer than any request
NOT_KEPT: Final = 0  # in place of a status: done, but its answer was a stream or too large
PURPOSE: Final = "idempotency"

# Takes a key that nobody has, one whose day is over, and one whose process is gone.
CLAIM: Final = """
    INSERT INTO accounts_keptanswer AS kept
           (id, user_id, key, request, status, body, content_type, claimed_until, created_at)
    VALUES (%(id)s, %(user)s, %(key)s, %(request)s, NULL, '', '',
            now() + %(seconds)s * interval '1 second', now())
    ON CONFLICT (user_id, key) DO UPDATE
       SET id = EXCLUDED.id, request = EXCLUDED.request, status = NULL, body = '',
           content_type = '', claimed_until = EXCLUDED.claimed_until, created_at = now()
     WHERE kept.created_at < now() - %(hours)s * interval '1 hour'
        OR kept.status IS NULL AND kept.claimed_until < now()
    RETURNING id
"""
FORGET: Final = """
    DELETE FROM accounts_keptanswer WHERE created_at < now() - %s * interval '1 hour'
"""
# What takes something away from people who could read it: the audit says when that was.
NARROWS: Final = (
    "attachment.delete", "collection.change", "collection.delete", "collection.unshare",
    "conversation.delete", "conversation.unshare", "data.retention_applied", "document.delete",
    "document.move", "group.delete", "group.take", "posture.approved", "safety.changed",
    "safety.restored", "text.delete", "user.role",
)  # fmt: skip
EMPTY: Final = """
    UPDATE accounts_keptanswer SET status = %s, body = '' WHERE body <> '' AND created_at <=
           (SELECT max(at) FROM accounts_auditevent WHERE action = ANY(%s))
"""


class KeyReused(TenantryError):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    status = 422
    title = gettext_lazy(
        "This Idempotency-Key was sent with another request; use a new key for each"
    )


class InProgress(Conflict):
    """The first request with this key is not answered yet."""

    code = "idempotency_in_progress"
    title = gettext_lazy(
        "The first request with this Idempotency-Key is still being carried out; ask again"
    )


class AnswerNotKept(Conflict):
    """What was asked is done; only its answer is not there any more."""

    code = "idempotency_answer_not_kept"
    title = gettext_lazy(
        "This was carried out already; its answer was a stream, too large to be kept, or may hold"
        " what was deleted or closed since"
    )


class Answered(Exception):
    """The request was answered before; `response` is that answer."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


class Claim(NamedTuple):
    """What the request holds while it is being carried out."""

    id: str


class OnlyOnce(BasePermission):
    """After authentication and role: claim the request's key, or answer as before."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        user: Any = request.user
        if request.method == "POST" and HEADER in request.headers and isinstance(user, User):
            http: Any = request._request
            if _has_files(http):
                request.data  # noqa: B018 - read by the view's own parser, which the view then finds
            http.idempotency = _claimed(http, user, _key(request.headers[HEADER]))
        return True


def form_once(request: HttpRequest) -> None:
    """Claim the key of a form that is sent. Raises Answered, with where the first one led.

    While the first is carried out, wait for it: who sent both sees one page. A form that is sent
    again with other words in it, after the back button say, is another one.
    """
    if request.method != "POST" or hasattr(request, "idempotency"):
        return
    try:
        key = f"form {UUID(request.POST.get(FIELD, ''))}"
    except ValueError:
        return
    http: Any = request
    for look in range(LOOKS):
        try:
            http.idempotency = _claimed(http, http.user, key)
        except KeyReused:
            return
        except InProgress:
            if look == LOOKS - 1:
                raise
            time.sleep(LOOK_EVERY)
        else:
            return


class IdempotencyMiddleware:
    """Keep the answer of a request that claimed a key, or let the key go."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        claim: Claim | None = getattr(request, "idempotency", None)
        if claim is not None:
            _settle(claim, response)
        return response


def answers_forget() -> int:
    """Remove the entered tenant's answers whose day is over; return how many.

    Those from before something was deleted or closed are emptied.
    """
    with connection.cursor() as cursor:
        cursor.execute(EMPTY, [NOT_KEPT, list(NARROWS)])
    return old_answers_forget()


def old_answers_forget() -> int:
    """Remove the answers whose day is over; of staff's forms too, which lead somewhere alone."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [KEPT_HOURS])
        return int(cursor.rowcount)


def _key(given: str) -> str:
    if not (0 < len(given) <= KEY_CHARACTERS and given.isascii() and given.isprintable()):
        raise Invalid(
            gettext("Idempotency-Key is 1 to %(most)s printable ASCII characters, a UUID say.")
            % {"most": KEY_CHARACTERS}
        )
    return given


def _claimed(request: HttpRequest, user: User, key: str) -> Claim:
    """Return the claim. Raises Answered, KeyReused, InProgress, AnswerNotKept."""
    claim, told = Claim(str(uuid4())), _told(request)
    values: dict[str, Any] = {
        "id": claim.id, "user": user.pk, "key": key, "request": told,
        "seconds": CLAIM_SECONDS, "hours": KEPT_HOURS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        if cursor.fetchone():
            return claim
    kept = KeptAnswer.objects.filter(user=user, key=key).first()
    if kept is None:  # let go just now
        raise InProgress(retry_after=1)
    if kept.request != told:
        raise KeyReused
    if kept.status is None:
        raise InProgress(retry_after=1)
    if kept.status == NOT_KEPT or (kept.status != HTTPStatus.FOUND and _narrowed(kept.created_at)):
        raise AnswerNotKept
    raise Answered(_again(kept))


def _narrowed(since: datetime) -> bool:
    """Whether somebody may have lost the right to read something since then."""
    return AuditEvent.objects.filter(at__gte=since, action__in=NARROWS).exists()


def _has_files(request: HttpRequest) -> bool:
    return (request.content_type or "").startswith("multipart/")


def _told(request: HttpRequest) -> str:
    """Return what tells requests apart: of a form its fields and its files' names and content."""
    form = _has_files(request) or FIELD in request.POST
    content = _form(request) if form else [hashlib.sha256(request.body).hexdigest()]
    parts = [request.method, request.get_full_path(), content]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _form(request: HttpRequest) -> list[Any]:
    fields = sorted((name, given) for name, given in request.POST.lists() if name not in UNTOLD)
    files = [
        (name, file.name, _digest(file))
        for name, given in sorted(request.FILES.lists())
        for file in given
    ]
    return [*fields, *files]


def _digest(file: UploadedFile) -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _settle(claim: Claim, response: HttpResponse) -> None:
    rows = KeptAnswer.objects.filter(id=claim.id)
    if response.status_code == HTTPStatus.FOUND:
        body = secret_seal(response.headers["Location"], purpose=PURPOSE)
        rows.update(status=response.status_code, body=body)
    elif not 200 <= response.status_code < 300:
        rows.delete()
    elif response.streaming or len(response.content) > KEPT_BYTES:
        rows.update(status=NOT_KEPT)
    else:
        body = secret_seal(response.content.decode(), purpose=PURPOSE)
        kind = response.headers.get("Content-Type", "")
        rows.update(status=response.status_code, body=body, content_type=kind)


def _again(kept: KeptAnswer) -> HttpResponse:
    body = secret_open(kept.body, purpose=PURPOSE)
    if kept.status == HTTPStatus.FOUND:
        return HttpResponseRedirect(body)
    response = HttpResponse(body, status=kept.status, content_type=kept.content_type)
    response[REPLAYED] = "true"
    return response
