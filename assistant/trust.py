"""What a workspace can show of itself: its settings in force and the evidence, read as it stands.

Nothing here is a fixed claim: each line is read from the system, or names the test that shows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from bedrock.models import PolicyDecision
from bedrock.policy import guardrail_of, policy_of
from bedrock.safety import rules_of
from tenants.accounts.models import AuditSeal
from tenants.accounts.selectors import members
from tenants.context import TenantContext
from tenants.errors import TenantryError
from tenants.lifecycle.holding import data_policy_of
from tenants.lifecycle.retention import days_of, kinds
from tenants.objects import bucket
from tenants.registry.models import IsolationCheck
from tenants.registry.regions import NAMES

TRAINING: Final = "https://docs.aws.amazon.com/bedrock/latest/userguide/data-protection.html"
DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One statement: what was read, where from, and where to see it."""

    name: str
    value: str
    source: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: list[Line]


def isolation_newest(tenant: TenantContext) -> IsolationCheck | None:
    """Return the last self-test against the entered workspace."""
    return IsolationCheck.objects.filter(tenant_id=tenant.id).first()


def trust_of(tenant: TenantContext) -> list[Section]:
    """Return everything that the page and the document say, for the entered workspace."""
    return [
        Section("Isolation", list(_isolation(tenant))),
        Section("Where the data is", list(_places(tenant))),
        Section("The way of a request", list(_flow(tenant))),
        Section("Models and guardrails", list(_models(tenant))),
        Section("Encryption", list(_encryption(tenant))),
        Section("Retention", list(_retention(tenant))),
        Section("Training", list(_training(tenant))),
        Section("Sub-processors", list(_processors(tenant))),
        Section("People and audit", list(_people())),
    ]


def _isolation(tenant: TenantContext) -> Iterator[Line]:
    check = isolation_newest(tenant)
    if check is None:
        yield Line("Self-test", "Not run yet; it runs every night", "the self-test's records")
    else:
        verdict = "held" if check.passed else "did not hold"
        at = f"{check.at:%-d %B %Y, %H:%M} UTC"
        yield Line("Self-test against this workspace", f"{verdict}, {at}", "the self-test's record")
        for line in check.lines:
            told = "held" if line["held"] else "did not hold"
            yield Line(line["layer"], f"{line['attempt']}: {told} ({line['outcome']})", "the same")
    yield Line(
        "Every way in, tried by everybody who may not",
        "shown by a test of the product",
        "tests/isolation/test_matrix.py::test_no_way_in_answers_whom_it_should_not",
    )


def _places(tenant: TenantContext) -> Iterator[Line]:
    yield Line("Region", f"{NAMES.get(tenant.region, tenant.region)} ({tenant.region})",
               "the workspace's row", "/settings/data/")  # fmt: skip
    yield Line("Database", f"schema and role {tenant.schema}, its own", "the workspace's row")
    yield Line("Objects", f"arn:aws:s3:::{bucket(tenant.region)}/tenants/{tenant.id}/*",
               "the object store's prefix")  # fmt: skip
    yield Line("Retrieval", tenant.retrieval, "the workspace's row", "/settings/data/")


def _flow(tenant: TenantContext) -> Iterator[Line]:
    """Tell the last answer's way by what was recorded before it was sent."""
    row = (
        PolicyDecision.objects.filter(tenant_id=tenant.id, max_tokens__isnull=False)
        .exclude(profile_arn="")
        .order_by("-created_at")
        .first()
    )
    if row is None:
        yield Line("The last answer", "None was asked for yet", "policy decisions")
        return
    href = f"/requests/{row.request_id}/"
    source = f"the decision of request {row.request_id}"
    yield Line("1. Asked", f"{row.feature}, {row.created_at:%-d %B %Y, %H:%M} UTC", source, href)
    yield Line("2. Region called", row.region, source, href)
    yield Line("3. Inference profile", row.profile_arn, source, href)
    yield Line("4. Model", row.model_id, source, href)
    guardrail = guardrail_of(tenant)
    arn = guardrail.arn if guardrail.id == row.guardrail_id else row.guardrail_id
    yield Line("5. Guardrail", f"{arn}, version {row.guardrail_version}", source, href)
    logs = f"arn:aws:s3:::{bucket(tenant.region)}/tenants/{tenant.id}/invocations/"
    yield Line("6. Logged to", logs, "the invocation log's reader", href)
    yield Line("7. Charged in", "the ledger, entry by entry", "the ledger",
               f"/usage/requests/{row.request_id}/")  # fmt: skip


def _models(tenant: TenantContext) -> Iterator[Line]:
    for role in ("small", "frontier", "embedding"):
        try:
            policy = policy_of(tenant, role)
        except TenantryError as error:
            yield Line(f"Model, {role}", error.detail, "provisioning")
        else:
            yield Line(f"Model, {role}", f"{policy.model.name}: {policy.profile_arn}",
                       "the profile in force")  # fmt: skip
    guardrail = guardrail_of(tenant)
    yield Line("Posture", tenant.posture, "the workspace's row", "/settings/safety/posture/")
    yield Line("Guardrail in force", f"{guardrail.arn}, version {guardrail.version}",
               "the guardrail in force", "/settings/safety/")  # fmt: skip
    masked = "masked before a model reads it" if guardrail.masks else "not masked by this posture"
    yield Line("Personal data", masked, "the guardrail's definition", "/settings/safety/posture/")
    rules = rules_of(tenant)
    yield Line("Own rules", f"version {rules.version}: {len(rules.words)} words,"
               f" {len(rules.thresholds)} thresholds, {len(rules.topics)} topics",
               "the rules in force", "/settings/safety/")  # fmt: skip


def _encryption(tenant: TenantContext) -> Iterator[Line]:
    check = isolation_newest(tenant)
    stored = check.encryption if check and check.encryption else "not read yet: run the self-test"
    yield Line("At rest, objects", stored, "what the store answered for the self-test's canary")
    connection.ensure_connection()
    info = connection.connection.info if connection.connection else None
    secure = bool(info and connection.connection.pgconn.ssl_in_use)
    yield Line("To the database", "TLS" if secure else "no TLS on this connection",
               "this page's own connection")  # fmt: skip
    hsts = getattr(settings, "SECURE_HSTS_SECONDS", 0)
    web = f"{settings.PUBLIC_SCHEME}, HSTS for {hsts:,} s" if hsts else settings.PUBLIC_SCHEME
    yield Line("To the browser", web, "the deployment's settings")


def _retention(tenant: TenantContext) -> Iterator[Line]:
    policy = data_policy_of(tenant.id)
    for kind in kinds():
        days = days_of(policy, kind, tenant)
        yield Line(kind.label, "kept for good" if days is None else f"{days} days",
                   f"the data policy, version {policy.version}", "/settings/data/")  # fmt: skip
    yield Line("Legal hold", policy.hold_reason if policy.hold else "none",
               f"the data policy, version {policy.version}", "/settings/data/")  # fmt: skip


def _training(tenant: TenantContext) -> Iterator[Line]:
    since = timezone.now() - timedelta(days=DAYS)
    rows = PolicyDecision.objects.filter(
        tenant_id=tenant.id, created_at__gte=since, max_tokens__isnull=False
    )
    total = rows.count()
    through = rows.filter(profile_arn__startswith="arn:aws:bedrock:").count()
    yield Line(f"Answers of {DAYS} days made through Amazon Bedrock", f"{through} of {total}",
               "policy decisions", "/usage/requests/")  # fmt: skip
    yield Line("Prompts and answers train no model", "as AWS states of Bedrock", TRAINING, TRAINING)


def _processors(tenant: TenantContext) -> Iterator[Line]:
    yield Line("Amazon Web Services", f"Bedrock, S3 and STS in {tenant.region}",
               "the workspace's Region and the product's own AWS clients")  # fmt: skip
    mail = getattr(settings, "EMAIL_HOST", "") if "smtp" in settings.EMAIL_BACKEND else ""
    yield Line("Mail", mail or "none: mails stay on this deployment", "the deployment's settings")
    paid = "a payment provider tells of payments by signed message"
    yield Line("Payments", paid if settings.PAYMENT_WEBHOOK_SECRET else "none",
               "the deployment's settings")  # fmt: skip


def _people() -> Iterator[Line]:
    people = members()
    roles = {role: sum(user.role == role and user.is_active for user in people)
             for role in ("owner", "admin", "member", "viewer")}  # fmt: skip
    told = ", ".join(f"{count} {role}{'s' if count != 1 else ''}" for role, count in roles.items())
    yield Line("Members", told, "the workspace's users", "/settings/members/")
    seal = AuditSeal.objects.order_by("-number").first()
    sealed = f"{seal.number} seals, the last {seal.at:%-d %B %Y, %H:%M} UTC" if seal else "no seal"
    yield Line("Audit log", sealed, "the audit's seals", "/settings/audit/")


def document_of(tenant: TenantContext, address: str) -> str:
    """Return the same as Markdown, for a security questionnaire; `address` begins its links."""
    parts = [
        f"# Trust: {tenant.name}",
        f"Read from the system on {timezone.now():%-d %B %Y, %H:%M} UTC. Each line names its"
        " source; links need a sign-in of an admin.",
    ]
    for section in trust_of(tenant):
        rows = [f"| {_cell(line.name)} | {_cell(line.value)} | {_source(line, address)} |"
                for line in section.lines]  # fmt: skip
        parts.append(f"## {section.title}")
        parts.append("\n".join(["| What | As it stands | Source |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _source(line: Line, address: str) -> str:
    href = f"{address}{line.href}" if line.href.startswith("/") else line.href
    return f"[{_cell(line.source)}]({href})" if href else _cell(line.source)
