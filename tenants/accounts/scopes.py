"""What an API key may be used for, beside what its user's role allows.

A scope is named after a part of the API. `:read` is enough for GET; every other method needs
`:write`, which includes `:read`. What costs model calls has one scope each. A part of the API that
is not named here belongs to `workspace`, so that a new one opens to no key by accident.
"""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.accounts.models import ApiKey
from tenants.errors import Forbidden, Invalid

SCOPES: Final = {
    "documents:read": gettext_lazy("Read documents and collections"),
    "documents:write": gettext_lazy("Upload, change and delete documents and collections"),
    "search": gettext_lazy("Search"),
    "ask": gettext_lazy("Ask documents"),
    "chat": gettext_lazy("Conversations, by REST and socket"),
    "write": gettext_lazy("Draft, rewrite and summarize"),
    "usage:read": gettext_lazy("Read usage, limits, plans and invoices"),
    "usage:write": gettext_lazy("Change limits, caps and plans"),
    "workspace:read": gettext_lazy("Read members, safety, webhooks, keys and the audit log"),
    "workspace:write": gettext_lazy("Change members, safety, webhooks and keys"),
}
AREAS: Final = {
    "documents": "documents",
    "collections": "documents",
    "search": "search",
    "ask": "ask",
    "conversations": "chat",
    "write": "write",
    "usage": "usage",
    "plans": "usage",
    "invoices": "usage",
    "requests": "usage",
}
OPEN: Final = {"help", "schema"}  # parts that say nothing about the workspace


class ScopeMissing(Forbidden):
    """The key was not made for this; `scope` names what it lacks."""

    code = "scope_missing"
    title = gettext_lazy("This API key was not made for that; make one with the scope it needs")


def scope_needed(path: str, method: str) -> str:
    """Return the scope that a request under `/api/v1/` needs; empty where any key will do."""
    part = path.removeprefix("/api/v1/").split("/", 1)[0]
    if part in OPEN:
        return ""
    area = AREAS.get(part, "workspace")
    if area in SCOPES:
        return area
    return f"{area}:{'read' if method in ('GET', 'HEAD', 'OPTIONS') else 'write'}"


def key_allows(key: ApiKey, scope: str) -> bool:
    """Return whether the key may be used for what needs `scope`."""
    if key.scopes is None or not scope or scope in key.scopes:
        return True
    return scope.endswith(":read") and scope.replace(":read", ":write") in key.scopes


def scope_require(key: object, path: str, method: str) -> None:
    """Refuse a request by a key that was not made for it. Raises ScopeMissing."""
    if not isinstance(key, ApiKey):
        return
    scope = scope_needed(path, method)
    if not key_allows(key, scope):
        raise ScopeMissing(
            _("This API key lacks the scope %(scope)s; make one that has it.") % {"scope": scope},
            scope=scope,
        )


def scopes_checked(wanted: list[str] | None) -> list[str] | None:
    """Return scopes as they are stored; None stands for everything. Raises Invalid."""
    if wanted is None:
        return None
    unknown = sorted(set(wanted) - set(SCOPES))
    if unknown:
        raise Invalid(
            _("There is no scope %(scope)s; choose among %(scopes)s.")
            % {"scope": unknown[0], "scopes": ", ".join(SCOPES)}
        )
    if not wanted:
        raise Invalid(_("Choose at least one scope, or leave scopes out for all of them."))
    return sorted(set(wanted))
