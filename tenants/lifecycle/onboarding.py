"""Make a workspace: registry row, schema, database role, tables, domain, first owner.

Runs under the owner's login. Every step can be repeated, so a workspace whose making was cut off is
finished by asking for it again.
"""

from django.db import connection
from psycopg import sql

from tenants.accounts.models import Role, User
from tenants.accounts.services import user_create
from tenants.context import entered, public_scope
from tenants.errors import Conflict, Invalid
from tenants.lifecycle.schema import schema_make
from tenants.lifecycle.steps import steps
from tenants.registry.models import Domain, Status, Tenant

RESERVED_SLUGS = frozenset("admin api app help mail public staff static status support www".split())


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
    """Make the workspace `slug`, reached at `host`, or finish making it; return it active.

    Without a password the owner sets one by password reset.
    """
    tenant: Tenant
    if slug in RESERVED_SLUGS:
        raise Invalid(f"{slug} is reserved for the product's own addresses; choose another name.")
    with public_scope("owner"):
        tenant, made = Tenant.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "plan": plan,
                "posture": posture,
                "region": region,
                "retrieval": retrieval,
                "schema_name": f"unnamed_{slug}",
            },
        )
        if made:
            tenant.schema_name = f"t_{tenant.id.hex}"
            tenant.save(update_fields=["schema_name"])
        if tenant.status == Status.ACTIVE:
            return tenant
        if tenant.status != Status.PROVISIONING:
            raise Conflict(f"The workspace {slug} exists and is {tenant.get_status_display()}.")
        domain, _ = Domain.objects.get_or_create(domain=host.lower(), defaults={"tenant": tenant})
        if domain.tenant_id != tenant.id:
            raise Conflict(f"The host {host} leads to another workspace.")
        role_ensure(tenant.schema_name)
    schema_make(tenant.schema_name)
    with entered(tenant.context):
        if not User.objects.filter(email=owner_email.lower()).exists():
            user_create(
                email=owner_email, password=owner_password, name=owner_name, role=Role.OWNER
            )
        for step in steps():
            step.run(tenant.context)
    with public_scope("owner"):
        tenant.status = Status.ACTIVE
        tenant.save(update_fields=["status"])
    return tenant


def role_ensure(role: str) -> None:
    """Make the tenant's NOLOGIN role, member of `tenant`; `app` may take it but not inherit it."""
    quoted = sql.Identifier(role)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(quoted))
        cursor.execute(sql.SQL("GRANT tenant TO {} WITH INHERIT TRUE").format(quoted))
        cursor.execute(sql.SQL("GRANT {} TO app WITH INHERIT FALSE, SET TRUE").format(quoted))
