"""Signing up on the public host: ask for a workspace, wait for it a moment, hand it over.

The web process owns nothing in the database: it adds a row that asks for the workspace, and the
provisioning worker makes it. A cookie, signed and bound to the browser that asked, is what the
workspace is handed over to, once.
"""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from kombu.exceptions import OperationalError

from tenants.accounts.handover import handover_make
from tenants.accounts.idempotency import FIELD
from tenants.lifecycle.naming import host_for, url_for
from tenants.lifecycle.onboarding import onboarding_add
from tenants.registry.models import Onboarding
from tenants.registry.tasks import onboarding_dispatch

log = structlog.get_logger(__name__)

PLAN: Final = "trial"
PATIENCE: Final = 2.0  # seconds in the request, after which a page goes on waiting
LOOK_EVERY: Final = 0.02
COOKIE: Final = "__Host-sign-up" if settings.SESSION_COOKIE_SECURE else "sign-up"
COOKIE_AGE: Final = 900  # seconds
SALT: Final = "tenantry.sign-up"
TOLD: Final = ("name", "slug", "email", "password", "region")  # what the form says


class Progress(NamedTuple):
    """How far a workspace is that somebody signed up for."""

    tenant_id: UUID
    slug: str
    owner_id: UUID
    ready: bool
    failed: bool

    @property
    def url(self) -> str:
        return url_for(self.slug)


def id_of(form: Mapping[str, str]) -> UUID | None:
    """Return the id of the workspace that this form asks for, the same as often as it is sent.

    Whoever sends the same words under the form's own key had the first answer lost, say; only who
    knows the password comes to the same id. None of a form without a key.
    """
    try:
        key = UUID(form.get(FIELD, ""))
    except ValueError:
        return None
    told = [key.hex, *(form.get(name, "") for name in TOLD)]
    return UUID(bytes=salted_hmac(SALT, json.dumps(told)).digest()[:16], version=4)


def sign_up(
    *, name: str, slug: str, email: str, password: str, region: str, tenant_id: UUID | None = None
) -> Onboarding:
    """Ask for a workspace in the entered public scope. Raises Conflict where the name is taken."""
    asked = Onboarding(
        tenant_id=tenant_id or uuid4(),
        slug=slug,
        name=name,
        host=host_for(slug),
        plan=PLAN,
        posture="general",
        region=region,
        retrieval="schema",
        owner_email=email,
        password=make_password(password),
        signed_up=True,
    )
    onboarding_add(asked)
    sign_up_again(asked.tenant_id)
    return asked


def asked_before(tenant_id: UUID) -> bool:
    """Say whether the workspace was asked for as lately as its making can be followed."""
    since = timezone.now() - timedelta(seconds=COOKIE_AGE)
    found = Onboarding.objects.filter(tenant_id=tenant_id).order_by()
    return found.filter(Q(ready_at=None) | Q(ready_at__gt=since)).exists()


def sign_up_again(tenant_id: UUID) -> None:
    """Have the workspace's making begun; without the broker, the schedule finds the row."""
    try:
        onboarding_dispatch(tenant_id)
    except OperationalError as error:
        log.warning("tenants.sign_up_waits", tenant_id=str(tenant_id), exc_info=error)


def progress_of(tenant_id: UUID) -> Progress | None:
    """Return how far a workspace is; None where nobody asked for it."""
    row = (
        Onboarding.objects.filter(tenant_id=tenant_id)
        .order_by()  # by a column that the public host may not read
        .values_list("tenant_id", "slug", "owner_id", "ready_at", "error")
        .first()
    )
    if row is None:
        return None
    found, slug, owner_id, ready_at, error = row
    return Progress(found, slug, owner_id, ready_at is not None, bool(error) and ready_at is None)


def wait_until_ready(tenant_id: UUID) -> None:
    """Wait until the workspace can be used, has failed, or patience is over."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        progress = progress_of(tenant_id)
        if progress is None or progress.ready or progress.failed:
            return
        time.sleep(LOOK_EVERY)


def handed_over(progress: Progress) -> str:
    """Return the address that lets the owner in; a second time, the workspace's sign-in."""
    if cache.add(f"handed-over:{progress.tenant_id.hex}", 1, COOKIE_AGE + 60):
        return f"{progress.url}/welcome/{handover_make(progress.tenant_id, progress.owner_id)}/"
    return f"{progress.url}/sign-in/"


def cookie_set(response: HttpResponse, tenant_id: UUID) -> None:
    """Bind a workspace to the browser that asked for it."""
    response.set_signed_cookie(
        COOKIE,
        tenant_id.hex,
        salt=SALT,
        max_age=COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def cookie_read(request: HttpRequest) -> UUID | None:
    """Return the workspace that this browser asked for."""
    told = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=COOKIE_AGE)
    return UUID(told) if told else None
