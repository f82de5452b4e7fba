"""Addresses of the REST API: a query parameter that no operation knows is refused, not passed over.

A misspelt filter would otherwise list everything. What an operation takes is what its OpenAPI
document says; pages are lenient, since their addresses are followed from anywhere.
"""

from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.asked import SHOWN, TOLD, meant

if TYPE_CHECKING:  # DRF's views read this module's class while they are being imported
    from rest_framework.views import APIView

# drf-spectacular describes for one thread alone: views share what describes them, and extensions
# are fitted in at first use.
DESCRIBING: Final = RLock()


class KnownParameters(BasePermission):
    """Refuse an address with a parameter that the operation does not take, by name."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        method = "GET" if request.method == "HEAD" else request.method or ""
        if not request.query_params or not hasattr(view, method.lower()):  # refused by itself
            return True
        kind: Any = type(view)
        takes = taken(kind, method)
        unknown = [name for name in request.query_params if name not in takes]
        if unknown:
            told = {name[:SHOWN]: [_told(name, takes)] for name in unknown[:TOLD]}
            raise serializers.ValidationError(told)
        return True


@cache
def taken(kind: Any, method: str) -> tuple[str, ...]:
    """Return the names of the query parameters of an operation, as its document has them."""
    handler: Any = getattr(kind, method.lower())
    described = getattr(handler, "kwargs", {}).get("schema")
    view: Any = kind()
    view.request, view.args, view.kwargs, view.format_kwarg = None, (), {}, None
    with DESCRIBING:
        schema: Any = described() if described else view.schema
        schema.view = view
        return tuple(schema.query_names(method))


def _told(name: str, takes: tuple[str, ...]) -> str:
    if not takes:
        return _("This operation takes no parameters in its address.")
    if near := meant(name, takes):
        return _("There is no such parameter. Did you mean %(near)s?") % {"near": near}
    return _("There is no such parameter. Use any of: %(takes)s.") % {"takes": ", ".join(takes)}
