"""Invoices: equal to an independent reckoning, drafted as often as one likes, numbered, paid."""

import hashlib
import hmac
import json
import os
import random
import time
from calendar import monthrange
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pypdfium2
import pytest
from django.db import connection
from django.test import Client
from psycopg import sql

from billing.errors import NotAllowed
from billing.invoices.models import Invoice
from billing.invoices.pdf import invoice_pdf
from billing.invoices.states import invoice_issue, invoice_release
from tenants.accounts.models import AuditEvent
from tenants.context import SYSTEM, entered, public_scope
from tests.billing.month import (
    COMPARED,
    MODELS,
    Row,
    book,
    charged,
    last_month,
    on_plans,
    plans_of_all_models,
    synthetic,
    workspaces,
)
from tests.support.cast import ALICE, CHARLIE, INES
from tests.support.clients import browser_of, code_of, staff_client, tenant_of
from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]
MONTH = last_month()
LENGTH = monthrange(MONTH.year, MONTH.month)[1]
MANY = int(os.environ.get("INVOICED_WORKSPACES", "6"))  # the full proof: 50
SECRET = "a-webhook-secret-of-tests-" + "0" * 32
CAME_EARLIER = "UPDATE registry_tenant SET created_at = %s"
DRAFT = """
import datetime, json
from billing.invoices.drafting import invoices_draft
from billing.invoices.payments import payments_apply
from tenants.context import public_scope
with public_scope("ops"):
    told = [dict(invoices_draft({month})), dict(invoices_draft({month}))]
    print("TOLD", json.dumps([*told, payments_apply()]))
"""


@pytest.fixture
def owner(worker: Worker) -> Iterator[Any]:
    """A connection of the owner's, which writes history as no login of the product may."""
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as opened:
        for month in (last_month(MONTH), MONTH):
            opened.execute(COMPARED, [month.date()])
        yield opened


def drafted(manage: Manage, month: datetime | None = None) -> dict[str, int]:
    """Draft twice over in a process of the ops login, and apply payments: the second is idle."""
    script = DRAFT.format(month=repr(month.date()) if month else "")
    said = json.loads(manage("ops", "shell", "-c", script).split("TOLD ", 1)[1])
    told: dict[str, int] = said[0]
    assert said[1].keys() <= {"unchanged", "stands", "nothing"}
    return told


def invoice_for(tenant: UUID) -> Invoice:
    with public_scope("staff"):
        return Invoice.objects.filter(tenant_id=tenant).latest("drafted_at")


def one_row(tenant: UUID, quantity: int = 1_000, price: str | None = "0.06") -> Row:
    at = MONTH + timedelta(days=3)
    return Row(tenant, uuid4(), 101, "nova", "input_tokens", quantity, at, price, 1_000_000)


def test_a_months_invoices_equal_a_reckoning_by_brute_force(manage: Manage, owner: Any) -> None:
    """The demo's three workspaces and many more, under every pricing model, to the cent."""
    picked = random.Random(20261125)
    plans = plans_of_all_models(owner)
    long_ago = MONTH - timedelta(days=70)
    demo = [tenant_of(person).id for person in (ALICE, CHARLIE, INES)]
    rows: dict[UUID, list[Row]] = {}
    changes: dict[UUID, list[tuple[datetime, str]]] = {}
    # Every workspace's month is invoiced under each model: one twin for each of them.
    for number in range(3 + MANY):
        seed = picked.randrange(10**9)
        for model in MODELS:
            twin = (
                demo[number]
                if number < 3 and model == list(MODELS)[number]
                else workspaces(owner, 1, model, long_ago)[0]
            )
            rows[twin] = synthetic(random.Random(seed), twin, MONTH, 60)
            changes[twin] = [(long_ago, model)]
    # And some change in the middle of a day, in the middle of a call, or came within the month.
    for number, twin in enumerate(workspaces(owner, 6, "sy-quota", long_ago)):
        rows[twin] = synthetic(picked, twin, MONTH, 80)
        at = [MONTH + timedelta(days=picked.uniform(1, 26)) for _ in range(3)]
        names = picked.sample(sorted(MODELS), 4)
        first = long_ago if number % 2 else MONTH + timedelta(days=2, hours=5)
        moments = [first, *sorted(one for one in at if one > first)]
        changes[twin] = list(zip(moments, names, strict=False))
        if number == 5:  # twice within a day: the day is the last one's
            changes[twin].append((changes[twin][-1][0].replace(hour=23, minute=59), "sy-seat"))
    owner.execute(CAME_EARLIER, [long_ago])
    on_plans(owner, changes)
    book(owner, [row for own in rows.values() for row in own], MONTH)

    told = drafted(manage)
    assert told.get("drafted", 0) >= len(rows)
    for twin, own in rows.items():
        invoice = invoice_for(twin)
        assert invoice.state == "draft", (invoice.holds, changes[twin])
        assert invoice.total * 100 == charged(own, changes[twin], MONTH, LENGTH, plans), changes[
            twin
        ]


def test_what_is_not_known_holds_an_invoice_and_never_makes_a_wrong_one(
    manage: Manage, owner: Any
) -> None:
    plans_of_all_models(owner)
    names = ("unpriced", "negative", "skewed", "currency", "seats", "noterms", "running", "fine")
    made = dict(zip(names, workspaces(owner, len(names), "sy-metered", MONTH - timedelta(days=40)),
                    strict=True))  # fmt: skip
    long_ago = MONTH - timedelta(days=40)
    on_plans(owner, {made["seats"]: [(long_ago, "sy-seat")], made["noterms"]: [(long_ago, "gone")]})
    skewed = one_row(made["skewed"])
    book(
        owner,
        [
            one_row(made["unpriced"], price=None),
            Row(made["negative"], uuid4(), 151, "nova", "input_tokens", -5, skewed.at, "0.1", 1),
            Row(skewed.tenant, skewed.request, 101, skewed.model, skewed.unit, 5,
                MONTH - timedelta(days=2), "0.06", 1_000_000),
            one_row(made["currency"]),
            one_row(made["noterms"]),
            one_row(made["running"]),
            one_row(made["fine"], 10**9),
        ],
        MONTH,
    )  # fmt: skip
    owner.execute(
        "INSERT INTO billing_billingaccount (tenant_id, currency) VALUES (%s, 'XAU')",
        [made["currency"]],
    )
    owner.execute(
        "INSERT INTO billing_reservation (id, tenant_id, month, request_id, call, feature, model,"
        " estimate, held, state) VALUES (gen_random_uuid(), %s, %s, gen_random_uuid(), 1, 'ask',"
        " 'nova', '{}', '{}', 'held')", [made["running"], MONTH.date()],
    )  # fmt: skip
    drafted(manage)
    expected = {
        "unpriced": "price_missing", "negative": "negative_usage", "skewed": "clock_skew",
        "currency": "currency_unknown", "seats": "seats_unknown", "noterms": "terms_missing",
        "running": "still_running",
    }  # fmt: skip
    for name, code in expected.items():
        invoice = invoice_for(made[name])
        assert (invoice.state, [hold["code"] for hold in invoice.holds]) == ("held", [code])
        with public_scope("staff"), pytest.raises(NotAllowed):
            invoice_issue(actor=SYSTEM, invoice_id=invoice.id)
    assert invoice_for(made["fine"]).state == "draft"
    # The cause goes, and the hold with it.
    owner.execute("UPDATE billing_reservation SET state = 'settled' WHERE state = 'held'")
    owner.execute("DELETE FROM billing_billingaccount")
    assert drafted(manage)["changed"] == 2
    assert {invoice_for(made[name]).state for name in ("running", "currency")} == {"draft"}
    # Nor is one issued while the sums are not known, or are those of an hour ago.
    unknown, fine = invoice_for(made["noterms"]).id, invoice_for(made["fine"]).id
    with public_scope("staff"), pytest.raises(NotAllowed, match="cannot be released"):
        invoice_release(actor=SYSTEM, invoice_id=unknown, reason="Never mind.")
    book(owner, [one_row(made["fine"])], MONTH)
    with public_scope("staff"), pytest.raises(NotAllowed, match="behind the ledger"):
        invoice_issue(actor=SYSTEM, invoice_id=fine)


def test_numbers_have_no_gap_and_what_is_issued_never_changes(manage: Manage, owner: Any) -> None:
    plans_of_all_models(owner)
    made = workspaces(owner, 16, "sy-metered", MONTH - timedelta(days=40))
    book(owner, [one_row(tenant, 10**8) for tenant in made], MONTH)
    drafted(manage)
    ids = [invoice_for(tenant).id for tenant in made]

    def issue(number: int) -> str:
        try:
            with public_scope("staff"):
                if number % 4 == 3:  # a step that fails after its number was taken
                    from django.db import transaction

                    with transaction.atomic():
                        invoice_issue(actor=SYSTEM, invoice_id=ids[number])
                        raise ValueError("cut off")
                return invoice_issue(actor=SYSTEM, invoice_id=ids[number // 2 * 2]).name
        except (NotAllowed, ValueError) as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(issue, range(16)))
    numbers = sorted(int(name.split("-")[1]) for name in told if "-" in name)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == 8

    issued = ids[0]
    for change in (
        "UPDATE billing_invoice SET total = total + 1, subtotal = subtotal + 1 WHERE id = %s",
        "UPDATE billing_invoice SET state = 'draft' WHERE id = %s",
        "UPDATE billing_invoice SET seller = 'Somebody else' WHERE id = %s",
        "DELETE FROM billing_invoiceline WHERE invoice_id = %s",
        "UPDATE billing_invoiceline SET usd = 0 WHERE invoice_id = %s",
        "DELETE FROM billing_invoice WHERE id = %s",
    ):
        with pytest.raises(psycopg.errors.RaiseException):
            owner.execute(change, [issued])
    with pytest.raises(psycopg.errors.RaiseException, match="cannot go from draft to paid"):
        owner.execute("UPDATE billing_invoice SET state = 'paid' WHERE id = %s", [ids[1]])
    for table in ("billing_price", "billing_planversion"):
        with pytest.raises(psycopg.errors.RaiseException):
            owner.execute(
                sql.SQL("UPDATE {} SET source = 'later' WHERE effective_from < now()").format(
                    sql.Identifier(table)
                )
            )
    # A correction that comes later is a line of the next invoice, never a change of this one.
    before = invoice_for(made[0]).total
    book(owner, [one_row(made[0], 10**8)], MONTH)
    assert drafted(manage)["stands"] == 8
    assert invoice_for(made[0]).total == before


def test_what_comes_late_is_a_line_of_the_next_invoice_under_credit_and_tax(
    manage: Manage, owner: Any
) -> None:
    plans_of_all_models(owner)
    before = last_month(MONTH)
    tenant = workspaces(owner, 1, "sy-metered", before - timedelta(days=3))[0]
    named = replace(one_row(tenant, 10**9), model="amazon.nova-lite-v1:0")
    early = replace(named, at=before + timedelta(days=1))  # $60, and 17.5 %
    book(owner, [early], before)
    owner.execute(
        "INSERT INTO billing_billingaccount (tenant_id, name, tax_label, tax_percent, locale)"
        " VALUES (%s, 'Synthetic GmbH', 'USt.', 19, 'de-DE')", [tenant],
    )  # fmt: skip
    owner.execute(
        "INSERT INTO billing_accountcredit (id, tenant_id, usd, reason)"
        " VALUES (gen_random_uuid(), %s, 100, 'An outage')", [tenant],
    )  # fmt: skip
    drafted(manage, before)
    first = invoice_for(tenant)
    assert (first.subtotal, first.credits, first.tax, first.total) == tuple(
        map(Decimal, ("80.50", "80.50", "0.00", "0.00"))
    )
    staff = staff_client()

    def step(name: str, told: str = "", **more: str) -> str:
        asked = {"action": name, "_selected_action": str(first.pk), "told": told, **more}
        answer = staff.post("/admin/billing/invoice/", asked, follow=True)
        return str(answer.content.decode())

    assert "Each gets the next number" in step("issue")  # asks first
    assert invoice_for(tenant).state == "draft"
    assert "Say why" in step("hold", confirmed="1")
    key = step("hold").partition('name="once" value="')[2].partition('"')[0]
    assert key
    for _ in range(2):  # a click, and the page that is sent again because its answer was lost
        said = step("hold", "Look at it", confirmed="1", once=key)
        assert "can be held" not in said
    assert invoice_for(tenant).state == "held"
    assert "only an invoice that is draft can be issued" in step("issue", confirmed="1")
    step("release", "Looked at", confirmed="1")
    step("issue", confirmed="1")
    assert invoice_for(tenant).state == "issued"
    assert "only an invoice that is issued" not in step("pay", "bank 7", confirmed="1")
    assert (invoice_for(tenant).state, invoice_for(tenant).paid_by) == ("paid", "staff")
    refused = step("void", "no such month", confirmed="1")
    assert "can be made void" in refused and 'value="no such month"' in refused
    with public_scope("staff"):
        said = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert said[-4:] == ["invoice.hold", "invoice.release", "invoice.issue", "invoice.pay"]

    # 100 million of them were too many, and the next month has its own.
    late = replace(early, attempt=151, quantity=-(10**8), at=MONTH + timedelta(days=2))
    book(owner, [late], before)
    book(owner, [replace(named, request=uuid4(), at=MONTH + timedelta(days=3))], MONTH)
    drafted(manage)
    second = invoice_for(tenant)
    with public_scope("staff"):
        lines = [(line.kind, line.usd) for line in second.lines.all()]
    assert lines == [
        ("fee", Decimal("10.00")), ("usage", Decimal("70.50")), ("correction", Decimal("-7.05")),
        ("credit", Decimal("-19.50")),
    ]  # fmt: skip
    assert (second.tax, second.total) == (Decimal("10.25"), Decimal("64.20"))  # 19 % of 53.95
    with public_scope("staff"):
        page = invoice_pdf(second, list(second.lines.all()))
    document = pypdfium2.PdfDocument(page)
    text = document[0].get_textpage().get_text_range()
    document.close()
    assert second.seller == "Tenantry"
    for told in (
        "Synthetic GmbH", "64,20 $", "USt. 19 %", "Rechnung", "Tarif sy-metered", "plus 17,5 %",
        "Amazon Nova Lite", "Korrektur von", "Gutschrift: An outage", "Beträge in US-Dollar",
    ):  # fmt: skip
        assert told in text, text


def signed(body: bytes, at: int | None = None, secret: str = SECRET) -> dict[str, str]:
    at = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Tenantry-Signature": f"t={at},v1={digest}"}


def test_the_payment_providers_message_is_taken_once_and_only_if_it_is_signed(
    manage: Manage, owner: Any, settings: Any
) -> None:
    settings.PAYMENT_WEBHOOK_SECRET = SECRET
    plans_of_all_models(owner)
    tenant = workspaces(owner, 1, "sy-metered", MONTH - timedelta(days=40))[0]
    drafted(manage)
    with public_scope("staff"):
        invoice = invoice_issue(actor=SYSTEM, invoice_id=invoice_for(tenant).id)
    client = Client(headers={"Host": "localhost"})

    def event(**more: Any) -> bytes:
        return json.dumps(
            {"id": "evt_1", "type": "invoice.paid", "invoice": invoice.name,
             "amount": str(invoice.total), "currency": "USD", "reference": "tr_9", **more}
        ).encode()  # fmt: skip

    def send(body: bytes, headers: dict[str, str]) -> Any:
        return client.post(
            "/webhooks/payments/", body, content_type="application/json", headers=headers
        )

    good = event()
    now = int(time.time())
    assert code_of(send(good, {})) == "signature_missing"
    assert code_of(send(good, signed(good, secret="forged" * 9))) == "signature_invalid"
    assert code_of(send(event(amount="0.01"), signed(good))) == "signature_invalid"
    assert code_of(send(good, {"Tenantry-Signature": "t=x,v1=é"})) == "signature_invalid"
    for off in (-400, 400):
        assert code_of(send(good, signed(good, now + off))) == "signature_expired"
    for broken in (b"{", b"[]", event(amount=-1), event(amount=1.5), event(id=""), b"\xff"):
        assert code_of(send(broken, signed(broken))) == "invalid"
    wrong = {
        "evt_2": event(id="evt_2", amount="1.00"), "evt_3": event(id="evt_3", currency="EUR"),
        "evt_4": event(id="evt_4", invoice="2001-000001"), "evt_5": event(id="evt_5", type="other"),
    }  # fmt: skip
    for body in (*wrong.values(), good, good):
        assert send(body, signed(body)).status_code == 200
    assert send(good, signed(good)).json() == {"received": True, "new": False}
    again = event(id="evt_6")
    assert send(again, signed(again)).json() == {"received": True, "new": True}
    drafted(manage)
    paid = invoice_for(tenant)
    assert (paid.state, paid.paid_by, paid.payment_reference) == ("paid", "provider", "tr_9")
    outcomes = dict(owner.execute("SELECT id, outcome FROM billing_paymentevent").fetchall())
    assert outcomes == {
        "evt_1": "paid", "evt_2": "wrong_amount", "evt_3": "wrong_currency",
        "evt_4": "unknown_invoice", "evt_5": "ignored", "evt_6": "already_paid",
    }  # fmt: skip


def test_a_workspace_sees_its_own_issued_invoices_and_moves_itself_alone(
    manage: Manage, owner: Any
) -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    on_plans(owner, {one.id: [(MONTH - timedelta(days=40), one.plan)] for one in (acme, globex)})
    owner.execute(CAME_EARLIER, [MONTH - timedelta(days=40)])
    drafted(manage)
    with public_scope("staff"):
        issued = invoice_issue(actor=SYSTEM, invoice_id=invoice_for(globex.id).id)
    assert issued.total == Decimal("2400.00")
    with entered(acme):
        # Its own of last month is a draft still, which is told to nobody in it.
        assert {one.workspace for one in Invoice.objects.all()} == {acme.name}
        assert not Invoice.objects.exclude(series=2025).exists()
        with connection.cursor() as cursor, pytest.raises(Exception, match="may not move"):
            cursor.execute("SELECT billing_move_plan(%s, 'trial')", [globex.id])
        with connection.cursor() as cursor, pytest.raises(Exception, match="cannot be chosen"):
            cursor.execute("SELECT billing_move_plan(%s, 'ended')", [acme.id])
        with connection.cursor() as cursor, pytest.raises(Exception, match="denied"):
            cursor.execute("UPDATE billing_billingaccount SET tax_percent = 0")
    for path in ("/api/v1/invoices/", "/usage/invoices/"):
        draft = f"{path}{invoice_for(acme.id).id}/"
        assert browser_of(ALICE).get(draft).status_code == 404
        assert browser_of(CHARLIE).get(f"{path}{issued.id}/").status_code == 200
    with entered(globex):
        assert {one.id for one in Invoice.objects.exclude(series=2025)} == {issued.id}
    with public_scope("staff"):
        newer = invoice_issue(actor=SYSTEM, invoice_id=invoice_for(acme.id).id)
        older = Invoice.objects.get(tenant_id=acme.id, series=2025)
        lines = [one.lines.order_by("position")[0].id for one in (older, newer, issued)]
    for path in ("/api/v1/invoices", "/usage/invoices"):
        for one, status in ((older, (200, 404, 404)), (newer, (404, 200, 404))):
            shown = [f"{path}/{one.id}/lines/{line}/" for line in lines]
            assert tuple(browser_of(ALICE).get(each).status_code for each in shown) == status
    assert datetime.now(UTC) > MONTH
