"""Mails to users, sent apart from the request, so that its duration tells nothing."""

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm

from tenants.tasks import tenant_task


@tenant_task(name="accounts.password_mail")
def password_mail(email: str, host: str) -> None:
    """Send the reset link to the address if a user of the workspace has it.

    `host` is the workspace's name as checked by the seam; scheme and port are the deployment's own,
    never the request's.
    """
    form = PasswordResetForm({"email": email})
    if form.is_valid():
        port = settings.BASE_URL.removeprefix(f"{settings.PUBLIC_SCHEME}://{settings.BASE_HOST}")
        form.save(
            domain_override=f"{host}{port}",
            use_https=settings.PUBLIC_SCHEME == "https",
            subject_template_name="auth/password_reset_subject.txt",
            email_template_name="auth/password_reset_email.txt",
        )
