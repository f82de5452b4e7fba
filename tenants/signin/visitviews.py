"""Where staff's visit to a workspace begins and ends, on the workspace's own host."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from tenants.accounts.permissions import role_required
from tenants.signin.impersonating import visit_end, visit_open


@require_GET
@never_cache
def visit_open_action(request: HttpRequest, token: str) -> HttpResponse:
    """Open a visit by its link; one that is spent or late opens nothing."""
    if not visit_open(request, token):
        return render(request, "staff/visit_over.html", status=410)
    return redirect("home")


@require_POST
@role_required("viewer")
def visit_end_action(request: HttpRequest) -> HttpResponse:
    """End the visit and go back to the admin; for everybody else there is nothing here."""
    visit = getattr(request, "impersonation", None)
    if visit is None:
        raise Http404
    visit_end(request, visit)
    return redirect(f"{settings.BASE_URL}/admin/registry/impersonation/")
