"""Mails to users, sent apart from the request, so that its duration tells nothing; audit seals."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.core.mail import EmailMessage, send_mail
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from tenants.accounts.addresses import addresses_sync, workspaces_of
from tenants.accounts.handover import confirm_make
from tenants.accounts.invitations import invitations_open, token_of
from tenants.accounts.models import Role, User
from tenants.accounts.sealing import audit_seal
from tenants.context import current, entered, public_scope
from tenants.languages import language_of
from tenants.lifecycle.naming import url_for
from tenants.mailing import MAILS, mails_send
from tenants.registry.models import Impersonation
from tenants.tasks import in_each_tenant, tenant_task


class ResetForm(PasswordResetForm):
    """Django's, which would leave out those who joined by an identity provider: no password yet."""

    def get_users(self, email: str) -> Iterator[User]:
        return iter(User.objects.filter(email=email.lower(), is_active=True, is_service=False))


@tenant_task(name="accounts.password_mail", **MAILS)
def password_mail(email: str, host: str) -> None:
    """Send the reset link to the address if a user of the workspace has it.

    `host` is the workspace's name as checked by the seam; scheme and port are the deployment's own,
    never the request's.
    """
    form = ResetForm({"email": email})
    if form.is_valid():
        port = settings.BASE_URL.removeprefix(f"{settings.PUBLIC_SCHEME}://{settings.BASE_HOST}")
        with override(language_of(User.objects.filter(email=email.lower()).first())):
            form.save(
                domain_override=f"{host}{port}",
                use_https=settings.PUBLIC_SCHEME == "https",
                subject_template_name="auth/password_reset_subject.txt",
                email_template_name="auth/password_reset_email.txt",
                extra_email_context={"workspace": current().name},
            )


@tenant_task(name="accounts.confirm_mail", **MAILS)
def confirm_mail(user_id: str) -> None:
    """Ask a user to confirm the address; nothing where it is confirmed or the user is gone."""
    user = User.objects.filter(id=UUID(user_id), email_confirmed_at=None, is_active=True).first()
    if user is None:
        return
    url = url_for(current().slug)
    context = {
        "user": user,
        "workspace": current().name,
        "url": url,
        "confirm_url": f"{url}/confirm/{confirm_make(user, current())}/",
    }
    with override(language_of(user)):
        subject = _("Your workspace %(workspace)s is ready") % {"workspace": _line(current().name)}
        text = render_to_string("auth/confirm_email.txt", context)
        send_mail(subject, text, None, [user.email])


@shared_task(name="accounts.find_mail", **MAILS)
def find_mail(email: str) -> None:
    """Tell the reader of an address of the workspaces it belongs to; no mail where there are none.

    Outside every tenant: the index says where to look, each workspace's users decide.
    """
    there = workspaces_of(email)
    if not there:
        return
    with entered(there[0]):  # the language chosen there; workspaces know nothing of each other
        reader = User.objects.filter(email=email.strip().lower()).first()
    found = [{"name": each.name, "url": url_for(each.slug)} for each in there]
    with override(language_of(reader)):
        text = render_to_string("public/find_email.txt", {"workspaces": found})
        send_mail(_("Your workspaces"), text, None, [email])


def _line(text: str) -> str:
    """Return a text that a header can hold."""
    return " ".join(text.split())


@shared_task(name="accounts.sync_addresses")
def sync_addresses() -> None:
    """Put the public index of addresses right, workspace by workspace."""
    in_each_tenant(addresses_sync, failed="accounts.sync_failed")


@tenant_task(name="accounts.invitation_mail", **MAILS)
def invitation_mail(invitation_id: str) -> None:
    """Send an invitation's link, if it is still open."""
    invitation = invitations_open().filter(id=invitation_id).first()
    if invitation is None:
        return
    inviter = User.objects.filter(id=invitation.invited_by).first()
    context = {
        "invitation": invitation,
        "inviter": inviter,
        "tenant": current(),
        "link": f"{url_for(current().slug)}/invitation/{token_of(invitation)}/",
    }
    with override(language_of(inviter)):  # whoever is invited has chosen none yet
        send_mail(
            _("Join %(workspace)s on Tenantry") % {"workspace": _line(current().name)},
            render_to_string("auth/invitation_email.txt", context),
            None,
            [invitation.email],
        )


@tenant_task(name="accounts.staff_visit_mail", **MAILS)
def staff_visit_mail(visit_id: str) -> None:
    """Tell the owners that our staff look at the workspace, as whom and why."""
    visit = Impersonation.objects.filter(id=visit_id, tenant_id=current().id).first()
    if visit is None:
        return
    context = {
        "visit": visit,
        "member": User.objects.filter(id=visit.user_id).first(),
        "workspace": current().name,
        "url": url_for(current().slug),
    }
    owners, mails = User.objects.filter(role=Role.OWNER, is_active=True, is_service=False), []
    for owner in owners:
        with override(language_of(owner)):
            subject = _("Our staff look at %(workspace)s") % {"workspace": _line(current().name)}
            text = render_to_string("auth/staff_visit_email.txt", context)
            mails.append(EmailMessage(subject, text, to=[owner.email]))
    mails_send(mails)


@shared_task(name="accounts.seal_audit")
def audits_seal() -> None:
    """Seal every workspace's audit, and staff's own."""
    in_each_tenant(audit_seal, failed="accounts.seal_failed")
    with public_scope("staff"):
        audit_seal()


BEAT: Final[dict[str, dict[str, Any]]] = {
    "accounts.sync_addresses": {
        "task": "accounts.sync_addresses",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3500},
    },
    "accounts.seal_audit": {
        "task": "accounts.seal_audit",
        "schedule": 120.0,
        "options": {"expires": 110},
    },
}
