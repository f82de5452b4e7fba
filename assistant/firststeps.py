"""What a new workspace's owner and admins do first, until it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.accounts.models import Invitation, Role, User, role_reaches
from tenants.context import Actor


@dataclass(frozen=True, slots=True)
class Step:
    """A step with where it is taken, and whether it was."""

    title: str
    text: str
    address: str
    done: bool


def first_steps(actor: Actor, *, documents: bool, asked: bool) -> Sequence[Step]:
    """Return the steps while one of them is open; none to those who cannot take them all.

    `documents` says that one can be asked, `asked` that the actor has a conversation.
    """
    if actor.user_id is None or not role_reaches(actor.role, Role.ADMIN):
        return ()
    invited = (
        User.objects.filter(is_active=True, is_service=False).exclude(id=actor.user_id).exists()
        or Invitation.objects.exists()
    )
    if documents and asked and invited:
        return ()
    return (
        Step(
            _("Add documents"),
            _("Handbooks, contracts, reports: they can be asked a few seconds later."),
            reverse("document_list"),
            documents,
        ),
        Step(
            _("Ask a first question"),
            _("Write it below. Each answer shows the passage that it rests on."),
            "",
            asked,
        ),
        Step(
            _("Invite people"),
            _("They read what you share, and members add documents too."),
            reverse("settings-members"),
            invited,
        ),
    )
