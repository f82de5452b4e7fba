"""HTTP: the host names the tenant, and the session must belong to it."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import set_urlconf

from tenants.context import entered, public_scope
from tenants.errors import TenantUnavailable
from tenants.registry.selectors import tenant_by_host

GetResponse = Callable[[HttpRequest], HttpResponse]
SESSION_TENANT = "tenant_id"
IMPERSONATION = "impersonation"  # in the session of a visit of staff: the visit's id


def host_of(raw: str) -> str:
    """Return a Host header's name without its port, in lower case."""
    return raw.rsplit(":", 1)[0].lower() if not raw.endswith("]") else raw.lower()


def is_public_host(host: str) -> bool:
    """Return whether a name is the product's own host, which belongs to no tenant."""
    return host == settings.BASE_HOST


class TenantMiddleware:
    """Resolve the tenant once, from the host, and enter it for the whole request.

    Sync on purpose: everything below runs in the one thread whose connection stands in the tenant.
    `get_host` checks the name against ALLOWED_HOSTS; X-Forwarded-Host is never read. A name that is
    malformed, unknown, or a suspended tenant's is answered with the same 404.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            host = host_of(request.get_host())
        except DisallowedHost:
            raise Http404 from TenantUnavailable()
        if is_public_host(host):
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
            set_urlconf(settings.PUBLIC_SCHEMA_URLCONF)
            # The admin works under the staff role; the rest of the public host only looks hosts up.
            staff = request.path_info.startswith("/admin/")
            with public_scope("staff" if staff else "app_public"):
                return self.get_response(request)
        try:
            tenant = tenant_by_host(host)
        except TenantUnavailable as error:
            raise Http404 from error
        request.tenant = tenant  # type: ignore[attr-defined]
        with entered(tenant):
            response = self.get_response(request)
        if getattr(response, "tenant_ended", False):  # meanwhile: now it is like an unknown host
            raise Http404 from TenantUnavailable()
        return response


class SessionTenantMiddleware:
    """End a session that was made for another tenant than the host's.

    Sessions live in the tenant's own schema, so this catches what a copied row or a restored backup
    would otherwise allow.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        tenant = getattr(request, "tenant", None)
        if (
            tenant is not None
            and request.user.is_authenticated
            and request.session.get(SESSION_TENANT) != str(tenant.id)
        ):
            logout(request)
        return self.get_response(request)
