"""What every template may read."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from bedrock.prompting import assistant_of
from billing.selectors import plan_name
from tenants.accounts.targets import here_of
from tenants.context import current_or_none


def workspace(request: HttpRequest) -> dict[str, Any]:
    """Return the product's name and, inside a tenant, the workspace."""
    tenant = current_or_none()
    if tenant is None:
        return {"product_name": "Tenantry", "base_url": settings.BASE_URL}
    return {
        "product_name": "Tenantry",
        "here": here_of(request),
        "visit": getattr(request, "impersonation", None),
        "tenant": {
            "name": tenant.name,
            "slug": tenant.slug,
            "plan": tenant.plan,
            # Read only where shown: an unresolved address is rendered in another thread than the
            # request's, whose connection stands in no tenant.
            "plan_name": SimpleLazyObject(lambda: plan_name(tenant.plan)),
            "posture": tenant.posture,
            "region": tenant.region,
            "retrieval": tenant.retrieval,
            "assistant": SimpleLazyObject(lambda: assistant_of(tenant)),
        },
    }
