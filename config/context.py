"""What every template may read."""

from typing import Any

from django.http import HttpRequest

from billing.selectors import plan_name
from tenants.context import current_or_none


def workspace(_request: HttpRequest) -> dict[str, Any]:
    """Return the product's name and, inside a tenant, the workspace."""
    tenant = current_or_none()
    if tenant is None:
        return {"product_name": "Tenantry"}
    return {
        "product_name": "Tenantry",
        "tenant": {
            "name": tenant.name,
            "slug": tenant.slug,
            "plan": tenant.plan,
            "plan_name": plan_name(tenant.plan),
            "posture": tenant.posture,
            "region": tenant.region,
            "retrieval": tenant.retrieval,
        },
    }
