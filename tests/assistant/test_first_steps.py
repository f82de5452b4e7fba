"""What a new workspace shows its owner first."""

import pytest

from tenants.accounts.models import Invitation, User
from tenants.context import entered
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ALICE, BOB
from tests.support.clients import browser_of, tenant_of


@pytest.mark.django_db(transaction=True)
def test_the_first_steps_are_ticked_off_and_go_once_all_are_done() -> None:
    with entered(tenant_of(ALICE)):
        Invitation.objects.all().delete()
        User.objects.exclude(email__in=[ALICE.email, BOB.email]).update(is_active=False)
        User.objects.filter(email=BOB.email).update(is_active=False)

    def home() -> str:
        return browser_of(ALICE).get("/assistant/").content.decode()

    page = home()
    assert "First steps" in page and "data-done" not in page
    assert '<a href="/documents/">Add documents</a>' in page
    ready("Handbook.md", HANDBOOK, ALICE)
    assert home().count("<li data-done>") == 1
    browser_of(ALICE).post("/assistant/", {"text": "What may a hotel cost?"})
    page = home()
    assert page.count("<li data-done>") == 2 and ">Invite people</a>" in page
    with entered(tenant_of(ALICE)):
        User.objects.filter(email=BOB.email).update(is_active=True)
    assert "First steps" not in home()
    assert "First steps" not in browser_of(BOB).get("/assistant/").content.decode()
