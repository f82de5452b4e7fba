"""Settings, Trust: the workspace's settings in force and their evidence, as page and document."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from assistant.trust import document_of, isolation_newest, trust_of
from tenants.accounts.audit import audit_write
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.context import current
from tenants.lifecycle.naming import url_for
from tenants.registry.tasks import isolation_check_task


@role_required("admin")
def trust_page(request: HttpRequest) -> HttpResponse:
    """Show what stands; POST has the isolation self-test run now."""
    tenant = current()
    if request.method == "POST":
        audit_write(actor_of(request), action="isolation.check", object_type="isolation_check")
        isolation_check_task.dispatch()
        messages.success(request, _("The self-test runs; its result appears here"))
        return redirect("settings-trust")
    context = {"sections": trust_of(tenant), "check": isolation_newest(tenant)}
    return settings_page(request, "assistant/trust.html", context)


@require_GET
@role_required("admin")
def trust_document(request: HttpRequest) -> HttpResponse:
    """Send the same as a Markdown document, for a security questionnaire."""
    tenant = current()
    audit_write(actor_of(request), action="trust.document", object_type="trust")
    text = document_of(tenant, url_for(tenant.slug))
    answer = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    name = f"trust-{tenant.slug}-{timezone.now():%Y-%m-%d}.md"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
