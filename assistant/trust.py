"""What a workspace can show of itself: its settings in force and the evidence, read as it stands.

Nothing here is a fixed claim: each line is read from the system, or names the test that shows it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bedrock.models import PolicyDecision
from bedrock.policy import guardrail_of, policy_of
from bedrock.safety import rules_of
from bedrock.selectors import regions_served
from billing.templatetags.humanize_usage import feature_name
from tenants.accounts.models import AuditSeal, User
from tenants.accounts.selectors import members
from tenants.context import TenantContext
from tenants.errors import TenantryError
from tenants.lifecycle.holding import data_policy_of
from tenants.lifecycle.retention import days_of, kinds
from tenants.objects import bucket
from tenants.registry.models import Impersonation, IsolationCheck, Posture
from tenants.registry.regions import NAMES
from tenants.signin.models import Factor, SignInPolicy
from tenants.signin.policy import policy as second_policy
from tenants.signin.sso.provider import provider_of
from tenants.webhooks.models import Endpoint
from tenants.wording import RETRIEVAL, grouped, minute

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
        Section(_("Isolation"), list(_isolation(tenant))),
        Section(_("Where the data is"), list(_places(tenant))),
        Section(_("The way of a request"), list(_flow(tenant))),
        Section(_("Models and guardrails"), list(_models(tenant))),
        Section(_("Encryption"), list(_encryption(tenant))),
        Section(_("Retention"), list(_retention(tenant))),
        Section(_("Training"), list(_training(tenant))),
        Section(_("Sub-processors"), list(_processors(tenant))),
        Section(_("People and audit"), list(_people(tenant))),
    ]


def _isolation(tenant: TenantContext) -> Iterator[Line]:
    check = isolation_newest(tenant)
    if check is None:
        yield Line(
            _("Self-test"), _("Not run yet; it runs every night"), _("the self-test's records")
        )
    else:
        verdict = _("held") if check.passed else _("did not hold")
        at = minute(check.at)
        yield Line(
            _("Self-test against this workspace"), f"{verdict}, {at}", _("the self-test's record")
        )
        for line in check.lines:
            told = _("held") if line["held"] else _("did not hold")
            yield Line(
                _(line["layer"]), f"{_(line['attempt'])}: {told} ({line['outcome']})", _("the same")
            )
    yield Line(
        _("Every way in, tried by everybody who may not"),
        _("shown by a test of the product"),
        "tests/isolation/test_matrix.py::test_no_way_in_answers_whom_it_should_not",
    )


def _places(tenant: TenantContext) -> Iterator[Line]:
    yield Line(
        _("Region"),
        f"{NAMES.get(tenant.region, tenant.region)} ({tenant.region})",
        _("the workspace's row"),
        "/settings/data/",
    )
    served = regions_served(tenant)
    yield Line(
        _("Regions that models are called in"),
        ", ".join(f"{NAMES.get(each, each)} ({each})" for each in served)
        if served
        else _("not read yet; they are read with the next check of the profiles"),
        _("the models behind the inference profiles in force, as AWS lists them"),
    )
    yield Line(
        _("Database"),
        _("schema and role %(schema)s, its own") % {"schema": tenant.schema},
        _("the workspace's row"),
    )
    yield Line(
        _("Objects"),
        f"arn:aws:s3:::{bucket(tenant.region)}/tenants/{tenant.id}/*",
        _("the object store's prefix"),
    )
    yield Line(
        _("Retrieval"),
        str(RETRIEVAL.get(tenant.retrieval, tenant.retrieval)),
        _("the workspace's row"),
        "/settings/data/",
    )


def _flow(tenant: TenantContext) -> Iterator[Line]:
    """Tell the last answer's way by what was recorded before it was sent."""
    row = (
        PolicyDecision.objects.filter(tenant_id=tenant.id, max_tokens__isnull=False)
        .exclude(profile_arn="")
        .order_by("-created_at")
        .first()
    )
    if row is None:
        yield Line(_("The last answer"), _("None was asked for yet"), _("policy decisions"))
        return
    href = f"/requests/{row.request_id}/"
    source = _("the decision of request %(request)s") % {"request": row.request_id}
    yield Line(
        _("1. Asked"), f"{feature_name(row.feature)}, {minute(row.created_at)}", source, href
    )
    yield Line(_("2. Region called"), row.region, source, href)
    yield Line(_("3. Inference profile"), row.profile_arn, source, href)
    yield Line(_("4. Model"), row.model_id, source, href)
    guardrail = guardrail_of(tenant)
    arn = guardrail.arn if guardrail.id == row.guardrail_id else row.guardrail_id
    yield Line(
        _("5. Guardrail"),
        _("%(arn)s, version %(version)s") % {"arn": arn, "version": row.guardrail_version},
        source,
        href,
    )
    logs = f"arn:aws:s3:::{bucket(tenant.region)}/tenants/{tenant.id}/invocations/"
    yield Line(_("6. Logged to"), logs, _("the invocation log's reader"), href)
    yield Line(
        _("7. Charged in"),
        _("the ledger, entry by entry"),
        _("the ledger"),
        f"/usage/requests/{row.request_id}/",
    )


def _models(tenant: TenantContext) -> Iterator[Line]:
    roles = {
        "small": _("The small model"),
        "frontier": _("The frontier model"),
        "embedding": _("The embedding model"),
    }
    for role, name in roles.items():
        try:
            policy = policy_of(tenant, role)
        except TenantryError as error:
            yield Line(name, error.detail, _("provisioning"))
        else:
            yield Line(
                name,
                f"{policy.model.name}: {policy.profile_arn}",
                _("the profile in force"),
            )
    guardrail = guardrail_of(tenant)
    posture = str(Posture(tenant.posture).label)
    yield Line(_("Posture"), posture, _("the workspace's row"), "/settings/safety/posture/")
    yield Line(
        _("Guardrail in force"),
        _("%(arn)s, version %(version)s") % {"arn": guardrail.arn, "version": guardrail.version},
        _("the guardrail in force"),
        "/settings/safety/",
    )
    masked = (
        _("masked before a model reads it") if guardrail.masks else _("not masked by this posture")
    )
    yield Line(
        _("Personal data"), masked, _("the guardrail's definition"), "/settings/safety/posture/"
    )
    rules = rules_of(tenant)
    yield Line(
        _("Own rules"),
        _("version %(version)s: %(words)s words, %(thresholds)s thresholds, %(topics)s topics")
        % {
            "version": rules.version,
            "words": len(rules.words),
            "thresholds": len(rules.thresholds),
            "topics": len(rules.topics),
        },
        _("the rules in force"),
        "/settings/safety/",
    )


def _encryption(tenant: TenantContext) -> Iterator[Line]:
    check = isolation_newest(tenant)
    stored = (
        check.encryption if check and check.encryption else _("not read yet: run the self-test")
    )
    yield Line(
        _("At rest, objects"), stored, _("what the store answered for the self-test's canary")
    )
    connection.ensure_connection()
    info = connection.connection.info if connection.connection else None
    secure = bool(info and connection.connection.pgconn.ssl_in_use)
    yield Line(
        _("To the database"),
        "TLS" if secure else _("no TLS on this connection"),
        _("this page's own connection"),
    )
    hsts = getattr(settings, "SECURE_HSTS_SECONDS", 0)
    web = (
        _("%(scheme)s, HSTS for %(seconds)s s")
        % {"scheme": settings.PUBLIC_SCHEME, "seconds": grouped(hsts)}
        if hsts
        else settings.PUBLIC_SCHEME
    )
    yield Line(_("To the browser"), web, _("the deployment's settings"))


def _retention(tenant: TenantContext) -> Iterator[Line]:
    policy = data_policy_of(tenant.id)
    for kind in kinds():
        days = days_of(policy, kind, tenant)
        yield Line(
            str(kind.label),
            _("kept for good") if days is None else _("%(days)s days") % {"days": days},
            _("the data policy, version %(version)s") % {"version": policy.version},
            "/settings/data/",
        )
    yield Line(
        _("Legal hold"),
        policy.hold_reason if policy.hold else _("none"),
        _("the data policy, version %(version)s") % {"version": policy.version},
        "/settings/data/",
    )


def _training(tenant: TenantContext) -> Iterator[Line]:
    since = timezone.now() - timedelta(days=DAYS)
    rows = PolicyDecision.objects.filter(
        tenant_id=tenant.id, created_at__gte=since, max_tokens__isnull=False
    )
    total = rows.count()
    through = rows.filter(profile_arn__startswith="arn:aws:bedrock:").count()
    yield Line(
        _("Answers of %(days)s days made through Amazon Bedrock") % {"days": DAYS},
        _("%(part)s of %(whole)s") % {"part": through, "whole": total},
        _("policy decisions"),
        "/usage/requests/",
    )
    yield Line(
        _("Prompts and answers train no model"), _("as AWS states of Bedrock"), TRAINING, TRAINING
    )


def _processors(tenant: TenantContext) -> Iterator[Line]:
    yield Line(
        "Amazon Web Services",
        _("S3 and STS in %(region)s; Bedrock in the Regions that models are called in")
        % {"region": tenant.region},
        _("the workspace's Region and the product's own AWS clients"),
    )
    mail = getattr(settings, "EMAIL_HOST", "") if "smtp" in settings.EMAIL_BACKEND else ""
    yield Line(
        _("Mail"), mail or _("none: mails stay on this deployment"), _("the deployment's settings")
    )
    paid = _("a payment provider tells of payments by signed message")
    yield Line(
        _("Payments"),
        paid if settings.PAYMENT_WEBHOOK_SECRET else _("none"),
        _("the deployment's settings"),
    )


def _counted(role: str, count: int) -> str:
    words = {
        "owner": ngettext("%(count)s owner", "%(count)s owners", count),
        "admin": ngettext("%(count)s admin", "%(count)s admins", count),
        "member": ngettext("%(count)s member", "%(count)s members", count),
        "viewer": ngettext("%(count)s viewer", "%(count)s viewers", count),
    }
    return words[role] % {"count": count}


def _people(tenant: TenantContext) -> Iterator[Line]:
    people = members()
    roles = {role: sum(user.role == role and user.is_active for user in people)
             for role in ("owner", "admin", "member", "viewer")}  # fmt: skip
    told = ", ".join(_counted(role, count) for role, count in roles.items())
    yield Line(_("Members"), told, _("the workspace's users"), "/settings/members/")
    yield from _ways_in(tenant, [user for user in people if user.is_active])
    seal = AuditSeal.objects.order_by("-number").first()
    sealed = _("no seal")
    if seal:
        sealed = _("%(count)s seals, the last %(at)s") % {
            "count": seal.number,
            "at": minute(seal.at),
        }
    yield Line(_("Audit log"), sealed, _("the audit's seals"), "/settings/audit/")


def _ways_in(tenant: TenantContext, people: Sequence[User]) -> Iterator[Line]:
    """Tell what signing in asks for, who else looks in, and where the workspace is told of."""
    having = Factor.objects.filter(user__in=people).values("user").distinct().count()
    asked = SignInPolicy.Second(second_policy()).label
    yield Line(
        _("Second factor"),
        _("%(asked)s; %(part)s of %(whole)s members have one")
        % {"asked": asked, "part": having, "whole": len(people)},
        _("the sign-in policy and the members' factors"),
        "/settings/security/",
    )
    provider = provider_of()
    yield Line(
        _("Single sign-on"),
        f"{provider.name} ({provider.get_kind_display()}): {provider.get_state_display()}"
        if provider
        else _("none"),
        _("the identity provider's settings"),
        "/settings/security/sso/",
    )
    policy = data_policy_of(tenant.id)
    since = timezone.now() - timedelta(days=DAYS)
    visits = Impersonation.objects.filter(tenant_id=tenant.id, started_at__gte=since).count()
    yield Line(
        _("Our staff may look in"),
        ngettext(
            "%(access)s; %(count)s visit in %(days)s days",
            "%(access)s; %(count)s visits in %(days)s days",
            visits,
        )
        % {"access": policy.get_staff_access_display(), "count": visits, "days": DAYS},
        _("the data policy, version %(version)s") % {"version": policy.version},
        "/settings/data/",
    )
    hosts = {urlsplit(each.url).hostname or "" for each in Endpoint.objects.all() if each.enabled}
    yield Line(
        _("Events are sent to"),
        ", ".join(sorted(hosts)) or _("none"),
        _("the webhooks that are switched on"),
        "/settings/webhooks/",
    )


def document_of(tenant: TenantContext, address: str) -> str:
    """Return the same as Markdown, for a security questionnaire; `address` begins its links."""
    parts = [
        f"# {_('Trust: %(workspace)s') % {'workspace': tenant.name}}",
        _(
            "Read from the system on %(at)s. Each line names its source; links need a sign-in of an"
            " admin."
        )
        % {"at": minute(timezone.now())},
    ]
    for section in trust_of(tenant):
        rows = [f"| {_cell(line.name)} | {_cell(line.value)} | {_source(line, address)} |"
                for line in section.lines]  # fmt: skip
        parts.append(f"## {section.title}")
        parts.append(
            "\n".join([_("| What | As it stands | Source |"), "| --- | --- | --- |", *rows])
        )
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _source(line: Line, address: str) -> str:
    href = f"{address}{line.href}" if line.href.startswith("/") else line.href
    return f"[{_cell(line.source)}]({href})" if href else _cell(line.source)
