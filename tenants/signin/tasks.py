"""Tidy what is left of sessions and kept answers; look each night for domains' DNS records."""

from typing import Any, Final

from celery import shared_task
from celery.schedules import crontab
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from tenants.accounts.idempotency import answers_forget, old_answers_forget
from tenants.accounts.models import Role, User
from tenants.context import current, public_scope
from tenants.languages import language_of
from tenants.lifecycle.naming import url_for
from tenants.mailing import MAILS, mails_send
from tenants.signin.models import EmailDomain
from tenants.signin.sessions import sessions_tidy
from tenants.signin.sso.domains import domains_recheck, record_of
from tenants.tasks import in_each_tenant, tenant_task
from tenants.wording import minute


@shared_task(name="signin.tidy")
def signin_tidy() -> None:
    """Remove what is left of ended sessions, and old answers, in every workspace and of staff."""
    in_each_tenant(_tidy, failed="signin.tidy_failed")
    with public_scope("ops"):
        old_answers_forget()


def _tidy() -> None:
    sessions_tidy()
    answers_forget()


@shared_task(name="signin.recheck_domains")
def signin_recheck_domains() -> None:
    """Have every workspace's verified domains looked up again, each workspace by itself."""
    in_each_tenant(_recheck, failed="signin.recheck_failed")


def _recheck() -> None:
    if EmailDomain.objects.filter(verified_at__isnull=False).exists():
        domains_look.dispatch()


@tenant_task(name="signin.look_at_domains")
def domains_look() -> None:
    """Look the domains' records up; have owners told of each that is gone."""
    for domain in domains_recheck():
        domain_mail.dispatch(str(domain.id))


@tenant_task(name="signin.domain_mail", **MAILS)
def domain_mail(domain_id: str) -> None:
    """Tell the owners that a domain's record is gone, and until when people join by it."""
    domain = EmailDomain.objects.filter(id=domain_id).first()
    if domain is None or domain.joins_until is None:
        return
    name, text = record_of(domain)
    context = {
        "domain": domain.name,
        "workspace": current().name,
        "record": f'{name} TXT "{text}"',
        "url": f"{url_for(current().slug)}/settings/security/sso/",
    }
    owners, mails = User.objects.filter(role=Role.OWNER, is_active=True, is_service=False), []
    for owner in owners:
        with override(language_of(owner)):
            subject = _("The DNS record of %(domain)s is gone") % {"domain": domain.name}
            told = {**context, "until": minute(domain.joins_until)}
            body = render_to_string("auth/domain_gone_email.txt", told)
            mails.append(EmailMessage(subject, body, to=[owner.email]))
    mails_send(mails)


BEAT: Final[dict[str, dict[str, Any]]] = {
    "signin.recheck_domains": {
        "task": "signin.recheck_domains",
        "schedule": crontab(hour=3, minute=40),
        "options": {"expires": 3600},
    },
    "signin.tidy": {"task": "signin.tidy", "schedule": 86400.0, "options": {"expires": 3600}},
}
