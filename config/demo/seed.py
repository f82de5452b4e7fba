"""Make the demo: workspaces, people, keys, documents, and `demo.json` that tells of them.

Runs under the owner's login, since it makes workspaces. It can be cut off and run again: what
exists is kept, passwords are remembered in `demo.json`, and in `demo-given.json` which documents a
workspace was given: who deleted or renamed one does not get it back. A workspace that staff
suspended or that was erased is left as it is.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from config.demo.people import TENANTS, DemoTenant, DemoUser, password
from documents.models import IN_FLIGHT, Document
from documents.services import document_upload
from tenants.accounts.keys import api_key_create
from tenants.accounts.models import Role, User
from tenants.accounts.services import user_create
from tenants.context import Actor, TenantContext, entered, public_scope
from tenants.lifecycle.onboarding import tenant_create
from tenants.registry.models import Status, Tenant

DOCUMENTS: Final = Path(__file__).parent / "documents"
STAFF_EMAIL: Final = "staff@tenantry.example"
READY_WITHIN: Final = 80  # seconds for all documents together

Demo = dict[str, Any]
Say = Callable[[str], None]


def demo_seed(say: Say) -> None:
    """Make or complete the demo and wait until its documents can be asked about."""
    path = settings.VAR_DIR / "demo.json"
    demo: Demo = json.loads(path.read_text()) if path.exists() else {}
    demo |= {"base_url": settings.BASE_URL, "localaws_url": os.environ.get("AWS_ENDPOINT_URL", "")}
    demo["staff"] = _staff(demo.get("staff", {}))
    known = {each["slug"]: each for each in demo.get("tenants", [])}
    demo["tenants"] = []
    contexts = []
    for tenant in TENANTS:
        before = known.get(tenant.slug, {})
        if held := _held(tenant.slug):
            demo["tenants"] += [before] if before and held == Status.SUSPENDED else []
            say(f"{tenant.slug} is {held} and left as it is")
            continue
        context, entry = _tenant(tenant, before)
        contexts.append(context)
        demo["tenants"].append(entry)
        _write(path, demo)
        say(f"{tenant.slug} is ready")
    _write(path, demo)
    path = settings.VAR_DIR / "demo-given.json"
    given: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    for context in contexts:
        names = given.setdefault(context.id.hex, [])
        for name in _uploaded(context, names):
            names.append(name)
            _write(path, given)
            say(f"{context.slug}: {name}")
    _wait(contexts)


def _write(path: Path, told: Any) -> None:
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(told, file, indent=2)
    fresh.replace(path)


def _staff(known: Demo) -> Demo:
    secret = known.get("password") or password()
    with public_scope("owner"):
        if not User.objects.filter(email=STAFF_EMAIL).exists():
            User.objects.create_superuser(STAFF_EMAIL, secret, name="Staff")
    return {"url": f"{settings.BASE_URL}/admin/", "email": STAFF_EMAIL, "password": secret}


def _held(slug: str) -> str:
    """Return the status of a workspace that is not to be completed, or nothing."""
    with public_scope("owner"):
        found = Tenant.objects.filter(slug=slug).values_list("status", flat=True).first()
    return found if found not in (None, Status.ACTIVE, Status.PROVISIONING) else ""


def _tenant(tenant: DemoTenant, known: Demo) -> tuple[TenantContext, Demo]:
    people = {each["email"]: each for each in known.get("users", [])}
    owner = next(user for user in tenant.users if user.role == Role.OWNER)
    owner_email = _email(tenant, owner)
    people.setdefault(owner_email, {"password": password()})
    made = tenant_create(
        slug=tenant.slug,
        name=tenant.name,
        host=f"{tenant.slug}.{settings.BASE_HOST}",
        owner_email=owner_email,
        owner_password=people[owner_email]["password"],
        owner_name=owner.name,
        plan=tenant.plan,
        posture=tenant.posture,
        region=tenant.region,
        retrieval=tenant.retrieval,
    )
    with entered(made.context):
        users = [_user(tenant, user, people) for user in tenant.users]
    scheme, _, rest = settings.BASE_URL.partition("://")
    return made.context, {
        "slug": made.slug,
        "url": f"{scheme}://{made.slug}.{rest}",
        "plan": made.plan,
        "posture": made.posture,
        "region": made.region,
        "retrieval": made.retrieval,
        "users": users,
    }


def _email(tenant: DemoTenant, user: DemoUser) -> str:
    return f"{user.role}@{tenant.slug}.example"


def _user(tenant: DemoTenant, user: DemoUser, people: dict[str, Demo]) -> Demo:
    email = _email(tenant, user)
    known = people.get(email, {})
    secret = known.get("password") or password()
    row = User.objects.filter(email=email).first() or user_create(
        email=email, password=secret, name=user.name, role=Role(user.role)
    )
    key = known.get("api_key")
    if not key:
        actor = Actor(user_id=row.id, role=row.role, kind="task")
        _, key = api_key_create(actor=actor, user=row, name="Demo")
    return {"email": email, "password": secret, "role": user.role, "api_key": key}


def _uploaded(context: TenantContext, given: Sequence[str]) -> Iterator[str]:
    """Upload the documents that were not given yet; yield each one's name once it is there."""
    with entered(context):
        owner = User.objects.get(email=f"owner@{context.slug}.example")
        actor = Actor(user_id=owner.id, role=owner.role, kind="task")
        have = set(Document.objects.values_list("name", flat=True))
        for path in sorted((DOCUMENTS / context.slug).iterdir()):
            if not path.is_file() or path.name in given:
                continue
            if path.name not in have:
                with path.open("rb") as file:
                    document_upload(actor=actor, file=file, name=path.name)
            yield path.name


def _wait(contexts: list[TenantContext]) -> None:
    """Wait for the workers; a document that fails says so on its own page."""
    give_up = time.monotonic() + READY_WITHIN
    for context in contexts:
        with entered(context):
            while (
                Document.objects.filter(status__in=IN_FLIGHT).exists()
                and time.monotonic() < give_up
            ):
                time.sleep(0.2)
