"""Mails in the language of whom they go to: a task has no request that would tell it."""

from collections.abc import Sequence

from tenants.accounts.models import User
from tenants.languages import language_of


def by_language(addresses: Sequence[str]) -> dict[str, list[str]]:
    """Return the addresses by the language of their users in the entered workspace."""
    users = {user.email: user for user in User.objects.filter(email__in=addresses)}
    found: dict[str, list[str]] = {}
    for address in addresses:
        found.setdefault(language_of(users.get(address)), []).append(address)
    return found
