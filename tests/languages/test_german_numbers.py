"""Numbers, sums, sizes and days on pages, as German writes them."""

import re
from html import unescape
from typing import Final

import pytest

from billing.settlement import settle
from billing.units import Unit
from tenants.accounts.models import User
from tenants.context import Actor, entered
from tests.billing.calls import reserve
from tests.documents.helpers import ready
from tests.support.cast import ALICE
from tests.support.clients import browser_of, tenant_of, user_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY: Final = r"\b\d{2}\.\d{2}\.20\d{2}\b"
SUM: Final = r"\d,\d{2,}\xa0\$"
# A page, and what stands on it where it is written as German writes it.
WRITTEN: Final = {
    "/usage/": ("1.234.567", SUM, r"\d+(,\d)? Mio\.", r"\d\xa0%", r"\b1\. [A-Z]\w+\b"),
    "/usage/limits/": (r"1\.234\.\d{3} Tokens", SUM),
    "/usage/plans/": ("300.000.000", r"1\.190\xa0\$", r"15\xa0%"),
    "/usage/prices/": (r"0,06\xa0\$", r"1\.000\.000"),
    "/usage/requests/": (SUM, DAY),
    "/usage/invoices/": (r"\w+ 20\d{2} bis jetzt", SUM),
    "/documents/": (r"\b[23],\d\sKB", r"[Gg]erade eben|vor \d+ Min\."),
    "/search/?q=Zimmer": ("Zimmer",),
}
# What is English of them, wherever it stands.
ENGLISH: Final = re.compile(
    r"\$\d|\d%|\d\.\d+ ?(?:KB|MB|GB)|\d,\d{3},\d{3}|\d{4}-\d{2}-\d{2}|\d(?:am|pm)\b"
    r"|\b(?:January|February|March|May|June|July|October|December) "
)


def read(page: str) -> str:
    """Return what is read in a page's main part, without its tags."""
    main = page.partition("<main")[2].partition("</main>")[0]
    return unescape(re.sub(r"<[^>]+>", " ", main))


def test_usage_billing_documents_and_search_are_written_as_german_writes_numbers() -> None:
    ready("Hotel.md", "# Hotel\n\n" + "Ein Zimmer kostet hoechstens 140 Euro. " * 70, ALICE)
    units = {Unit.INPUT: 1_234_567, Unit.OUTPUT: 100}
    with entered(tenant_of(ALICE)):
        User.objects.filter(email=ALICE.email).update(language="de")
        actor = Actor(user_of(ALICE).pk, ALICE.role, "session")
        held = reserve(units, actor=actor, paced=False)
        settle(held, model=held.estimate.model, units=units)
    client = browser_of(ALICE)
    for address, forms in WRITTEN.items():
        words = read(client.get(address).content.decode())
        for form in forms:
            assert re.search(form, words), (address, form, words)
        assert not (found := ENGLISH.search(words)), (address, found)
    page = client.get("/usage/invoices/").content.decode()
    assert '<option value="de-DE" selected>' in page  # proposed where nobody has chosen yet
