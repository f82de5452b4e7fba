"""Why a sign-in by the workspace's provider was refused: a stable code, and what to do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy

from tenants.errors import TenantryError


class SsoRefused(TenantryError):
    """The provider's answer is not taken. The code is one of `sso_…`."""

    status = 403
    title = gettext_lazy("Signing in with your provider did not work")

    def __init__(self, code: str, detail: str, *, status: int = 403) -> None:
        super().__init__(detail)
        self.code, self.status = code, status


@dataclass(slots=True)
class Checks:
    """What an answer has passed so far, in order, for the page of a test run."""

    passed: list[tuple[str, str]] = field(default_factory=list)

    def note(self, name: str, found: str = "") -> None:
        self.passed.append((name, found[:300]))

    def require(
        self, name: str, holds: bool, refusal: Callable[[], SsoRefused], found: str = ""
    ) -> None:
        """Note the check, or raise its refusal."""
        if not holds:
            raise refusal()
        self.note(name, found)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whom a provider's answer is about, after its own checks; `claims` is all that it said."""

    issuer: str
    subject: str
    email: str
    name: str
    session: str
    claims: dict[str, Any]
