"""Make a workspace: recorded steps that go on behind the last one, wherever they were cut off.

First what makes it usable, in a fraction of a second: registry row and host, database role, schema,
owner. Then what follows in AWS, while its people use it already. Each step can be repeated and is
recorded when done; one that fails leaves its reason on the row and is tried again by the next run.
Runs under the owner's login, one process at a time for each workspace.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, override
from psycopg import sql

from tenants.accounts.models import Role, User
from tenants.accounts.services import user_create
from tenants.accounts.tasks import confirm_mail
from tenants.context import TenantContext, entered, public_scope
from tenants.errors import Conflict, Invalid
from tenants.lifecycle.naming import RESERVED
from tenants.lifecycle.schema import schema_make
from tenants.lifecycle.steps import steps
from tenants.registry.models import Domain, Onboarding, Status, Tenant

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = structlog.get_logger(__name__)

LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('tenants.onboarding:' || %s, 0))"
UNLOCK: Final = "SELECT pg_advisory_unlock(hashtextextended('tenants.onboarding:' || %s, 0))"


@dataclass(frozen=True, slots=True)
class Step:
    """A step as the engine runs it: `label` is what people read."""

    name: str
    label: "StrOrPromise"
    run: Callable[[], None]


def tenant_create(
    *,
    slug: str,
    name: str,
    host: str,
    owner_email: str,
    owner_password: str | None,
    owner_name: str,
    plan: str = "trial",
    posture: str = "general",
    region: str = "us-east-1",
    retrieval: str = "schema",
) -> Tenant:
    """Make the workspace `slug`, reached at `host`, or finish making it; return it complete.

    Without a password the owner sets one by password reset. Raises Invalid, Conflict, and what a
    step raises; asked again, it goes on behind the last finished step.
    """
    if slug in RESERVED:
        raise Invalid(f"{slug} is reserved for the product's own addresses; choose another name.")
    with public_scope("owner"):
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is not None and tenant.status not in (Status.ACTIVE, Status.PROVISIONING):
            raise Conflict(f"The workspace {slug} exists and is {tenant.get_status_display()}.")
        asked = Onboarding.objects.filter(slug=slug).first()
        if asked is None and tenant is not None and tenant.status == Status.ACTIVE:
            older: Tenant = tenant
            return older  # than the record of steps
        if asked is None:
            asked = Onboarding(
                slug=slug,
                name=name,
                host=host.lower(),
                plan=plan,
                posture=posture,
                region=region,
                retrieval=retrieval,
                owner_email=owner_email.strip().lower(),
                owner_name=owner_name,
                password=make_password(owner_password),
                **({"tenant_id": tenant.id} if tenant is not None else {}),
            )
            onboarding_add(asked)
    onboard(asked)
    with public_scope("owner"):
        made: Tenant = Tenant.objects.get(id=asked.tenant_id)
    return made


def onboarding_add(asked: Onboarding) -> None:
    """Record that a workspace is wanted. Raises Conflict where its address is another's."""
    try:
        with transaction.atomic():
            asked.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            gettext("The address %(slug)s is taken; choose another name.") % {"slug": asked.slug}
        ) from error


def onboard(asked: Onboarding, *, until_ready: bool = False) -> None:
    """Do what is left to do, or only what makes the workspace usable.

    Raises Conflict while another process is at it, and whatever a step raises.
    """
    with _alone(asked):
        if asked.state == Onboarding.State.WAITING:
            for step in _making(asked):
                _do(asked, step)
            _ready(asked)
        if asked.state == Onboarding.State.READY and not until_ready:
            for step in following(asked):
                _do(asked, step)
            with public_scope("owner"):
                asked.state = Onboarding.State.DONE
                asked.save(update_fields=["state"])
            log.info("tenants.onboarded", tenant_id=str(asked.tenant_id))


@contextmanager
def _alone(asked: Onboarding) -> Iterator[None]:
    """Hold the workspace's lock for the block; it falls with the connection, in a crash too."""
    with public_scope("owner"), connection.cursor() as cursor:
        cursor.execute(LOCK, [str(asked.tenant_id)])
        if cursor.fetchone() != (True,):
            raise Conflict(f"The workspace {asked.slug} is being made by another process.")
    try:
        with public_scope("owner"):
            asked.refresh_from_db()  # another process may have brought it further
        yield
    finally:
        with public_scope("owner"), connection.cursor() as cursor:
            cursor.execute(UNLOCK, [str(asked.tenant_id)])


def _do(asked: Onboarding, step: Step) -> None:
    if step.name in asked.done:
        return
    try:
        step.run()
    except Exception as error:
        with override("en"):  # what is stored; `failed_label` says it in the reader's language
            asked.error = f"{step.label}: {type(error).__name__}: {error}"[:1000]
        asked.attempts += 1
        with public_scope("owner"):
            asked.save(update_fields=["error", "attempts"])
        raise
    asked.done[step.name] = timezone.now().isoformat(timespec="milliseconds")
    asked.error = ""
    with public_scope("owner"):
        asked.save(update_fields=["done", "error"])


def _ready(asked: Onboarding) -> None:
    """Let the workspace be served, and forget the password's second copy."""
    with public_scope("owner"), transaction.atomic():
        Tenant.objects.filter(id=asked.tenant_id).update(status=Status.ACTIVE)
        asked.state, asked.ready_at, asked.password = Onboarding.State.READY, timezone.now(), ""
        asked.attempts = 0
        asked.save(update_fields=["state", "ready_at", "password", "attempts"])


def _making(asked: Onboarding) -> list[Step]:
    return [
        Step("registry", gettext_lazy("Name and address"), partial(_registry, asked)),
        Step("role", gettext_lazy("Database role"), partial(_role, asked)),
        Step("schema", gettext_lazy("Database schema"), partial(_schema, asked)),
        Step("owner", gettext_lazy("Owner"), partial(_owner, asked)),
    ]


def following(asked: Onboarding) -> list[Step]:
    """Return the steps that follow once the workspace is usable, the apps' ones among them."""
    found = [Step("mail", gettext_lazy("Welcome mail"), partial(_mail, asked))]
    found += [Step(step.name, step.label, partial(_entered, asked, step.run)) for step in steps()]
    return found


def failed_label(asked: Onboarding) -> str:
    """Return what people call the step that failed last; empty where none has."""
    stored = asked.error.partition(":")[0]
    for step in _making(asked) + following(asked):
        with override("en"):
            failed = str(step.label) == stored
        if failed:
            return str(step.label)
    return stored


def open_labels(asked: Onboarding) -> list[str]:
    """Return what people call the steps still open."""
    return [
        str(step.label) for step in _making(asked) + following(asked) if step.name not in asked.done
    ]


def _registry(asked: Onboarding) -> None:
    with public_scope("owner"), transaction.atomic():
        Tenant.objects.get_or_create(
            id=asked.tenant_id,
            defaults={
                "slug": asked.slug,
                "name": asked.name,
                "plan": asked.plan,
                "posture": asked.posture,
                "region": asked.region,
                "retrieval": asked.retrieval,
                "schema_name": f"t_{asked.tenant_id.hex}",
            },
        )
        domain, _ = Domain.objects.get_or_create(
            domain=asked.host, defaults={"tenant_id": asked.tenant_id}
        )
        if domain.tenant_id != asked.tenant_id:
            raise Conflict(f"The host {asked.host} leads to another workspace.")


def _role(asked: Onboarding) -> None:
    with public_scope("owner"):
        role_ensure(_context(asked).schema)


def _schema(asked: Onboarding) -> None:
    schema_make(_context(asked).schema)


def _owner(asked: Onboarding) -> None:
    with entered(_context(asked)):
        if not User.objects.filter(email=asked.owner_email).exists():
            user_create(
                user_id=asked.owner_id,
                email=asked.owner_email,
                password_hash=asked.password,
                name=asked.owner_name,
                role=Role.OWNER,
                confirmed=not asked.signed_up,  # an operator vouches for whom they name
            )


def _mail(asked: Onboarding) -> None:
    if asked.signed_up:
        with entered(_context(asked)):
            confirm_mail.dispatch(str(asked.owner_id))


def _entered(asked: Onboarding, run: Callable[[TenantContext], None]) -> None:
    tenant = _context(asked)
    with entered(tenant):
        run(tenant)


def _context(asked: Onboarding) -> TenantContext:
    with public_scope("owner"):
        found: TenantContext = Tenant.objects.get(id=asked.tenant_id).context
    return found


def role_ensure(role: str) -> None:
    """Make the tenant's NOLOGIN role, member of `tenant`; `app` may take it but not inherit it."""
    quoted = sql.Identifier(role)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(quoted))
        cursor.execute(sql.SQL("GRANT tenant TO {} WITH INHERIT TRUE").format(quoted))
        cursor.execute(sql.SQL("GRANT {} TO app WITH INHERIT FALSE, SET TRUE").format(quoted))
