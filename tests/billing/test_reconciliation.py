"""What AWS bills beside what was booked: found, held, explained, decided, trued up."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from bedrock import gateway
from bedrock.knowledge_bases import base_of
from bedrock.knowledge_documents import KnowledgeChunk, chunks_put
from billing.models import LedgerEntry, ReconciliationDecision
from billing.reconciliation.cases import Case, cases_of, may_issue
from tenants.accounts.models import AuditEvent
from tenants.context import SYSTEM, TenantContext, entered, public_scope
from tests.bedrock.asking import question
from tests.support.cast import ALICE, CHARLIE, INES
from tests.support.clients import staff_client, tenant_of
from tests.support.localaws import LocalAws
from tests.support.services import Worker
from tests.support.together import together

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]
PAGE = "/admin/billing/reconciliationline/"

ROUND = """
import json
from datetime import timedelta
from bedrock.costs import cur_read
from bedrock.invocations import logged_regions
from bedrock.loggedusage import logged_usage_push
from bedrock.logreading import region_read
from bedrock.models import LogFinding
from bedrock.provisioning import costs_ensure
from billing.meters import database_now
from billing.models import ReconciliationPolicy
from billing.reconciliation.comparing import period_reconcile
from billing.reconciliation.deciding import true_ups_run
from tenants.context import public_scope
with public_scope("ops"):
    costs_ensure()
    for region in logged_regions():
        region_read(region)
    cur_read()
    first = true_ups_run()
    assert true_ups_run() == 0, "carried out twice"
    now = database_now()
    period = now.date().replace(day=1)
    logged_usage_push(period)
    later = now + timedelta(days={later})
    lines = period_reconcile(period, now=later).lines
    assert period_reconcile(period, now=later).lines == lines
    broken = [row.detail.get("why", "") for row in LogFinding.objects.filter(
        kind="broken_file", resolved_at=None)]
print("TOLD", json.dumps({{"lines": lines, "broken": broken}}))
"""


TIGHT = """
from billing.models import ReconciliationPolicy
from tenants.context import public_scope
with public_scope("owner"):
    ReconciliationPolicy.objects.update(tolerance_percent=0, tolerance_usd=0)
"""
# The newest delivery once more, later by its name, with its file cut in the middle.
TRUNCATE = """
import json
from bedrock.costs import cur_read
from bedrock.deployment import BILLING_REGION, COSTS_PREFIX, export_name
from tenants.context import public_scope
from tenants.deployment_objects import (
    deployment_object_open, deployment_object_put, deployment_objects)
with public_scope("ops"):
    keys = [row.key for row in deployment_objects(
        BILLING_REGION, f"{COSTS_PREFIX}/{export_name()}/metadata/")]
    manifest = json.loads(deployment_object_open(BILLING_REGION, keys[-1]).read())
    root, _, key = manifest["dataFiles"][0].partition(COSTS_PREFIX)
    body = deployment_object_open(BILLING_REGION, COSTS_PREFIX + key).read()
    folder = keys[-1].rsplit("/", 2)
    cut = COSTS_PREFIX + "/cut.csv.gz"
    deployment_object_put(BILLING_REGION, cut, body[: len(body) // 2], content_type="x/gzip")
    manifest["dataFiles"] = [root + cut]
    later = f"{folder[0]}/{folder[1]}_cut/{folder[2]}"
    deployment_object_put(
        BILLING_REGION, later, json.dumps(manifest).encode(), content_type="application/json")
    print("TOLD", json.dumps([keys[-1], later]))
"""


class Bill:
    """One workspace's month, as staff and the upkeep see it."""

    def __init__(self, manage: Manage, localaws: LocalAws) -> None:
        self.manage, self.localaws = manage, localaws
        self.staff = staff_client()
        self.period = datetime.now(UTC).date().replace(day=1)

    def round(self, *, deliver: bool = True, later: int = 0, **switches: Any) -> dict[str, Any]:
        """Let AWS deliver its bill, wrong in this way, and hold it against the ledger."""
        self.localaws.cost(deliver=deliver, **switches)
        said = self.manage("ops", "shell", "-c", ROUND.format(later=later))
        told: dict[str, Any] = json.loads(said.split("TOLD ", 1)[1])
        return told

    def cases(self, *states: str) -> list[Case]:
        with public_scope("staff"):
            found = cases_of(self.period)
        return [case for case in found if not states or case.state in states]

    def decide(self, case: Case, kind: str, *, seen: str = "") -> str:
        """Decide a case on its page; return what the page then says."""
        query = urlencode(
            {"period": f"{case.period:%Y-%m}", "day": case.day, "tenant": case.tenant_id or "",
             "model": case.model}
        )  # fmt: skip
        address = f"{PAGE}case/?{query}"
        assert self.staff.get(address).status_code == 200
        form = {"kind": kind, "reason": "AWS confirmed it", "seen": seen or str(case.exposed)}
        answer = self.staff.post(address, form, follow=True)
        page = answer.content.decode()
        assert answer.status_code == 200 or (answer.status_code == 422 and form["reason"] in page)
        return page


@pytest.fixture
def bill(manage: Manage, localaws: LocalAws) -> Iterator[Bill]:
    """A month as it is; the local AWS's bill holds what earlier tests used, too."""
    yield Bill(manage, localaws)
    localaws.cost(late=[], drift=[], duplicate_rows=False, duplicate_files=False)


def used(tenant: TenantContext) -> None:
    with entered(tenant):
        gateway.converse(question())
        list(gateway.converse_stream(question()))
        gateway.embed(
            ["one", "two"], actor=SYSTEM, feature="ingest", request_id=uuid.uuid4(), purpose="query"
        )


def spend(tenant: TenantContext) -> Decimal:
    with entered(tenant):
        return sum((row.usd or Decimal(0) for row in LedgerEntry.objects.all()), Decimal(0))


def test_a_wrong_bill_is_found_held_explained_and_trued_up(bill: Bill) -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    bill.manage("owner", "shell", "-c", TIGHT)
    used(acme)
    used(globex)

    # What earlier tests left on the bill is in no ledger of this database.
    bill.round()
    for case in bill.cases("open"):
        bill.decide(case, "true_up" if case.slug else "accept")

    bill.round(drift={"percent": "50", "tenant": str(acme.id)})
    before = spend(acme)
    open_cases = bill.cases("open")
    assert {case.tenant_id for case in open_cases} == {acme.id}
    more = sum((case.variance_usd for case in open_cases), Decimal(0))
    assert more > 0
    assert all(case.cause == "drift" for case in open_cases)
    with public_scope("staff"):
        assert any("differ by $" in reason for reason in may_issue(acme.id, bill.period).reasons)
        assert not any("differ by $" in r for r in may_issue(globex.id, bill.period).reasons)
    page = bill.staff.get(PAGE).content.decode()
    assert "AWS counts differently from the ledger" in page
    export: Any = bill.staff.get(f"{PAGE}export/?state=open")
    sheet = export.content.decode()
    assert len(sheet.splitlines()) == 1 + len(open_cases)
    assert "have changed" in bill.decide(open_cases[0], "true_up", seen="0.001")
    for case in open_cases:
        assert "AWS bills +50.00 %" in bill.decide(case, "true_up")
        assert "have changed" in bill.decide(case, "true_up")  # a second press

    # A delivery that is cut short and one whose lines are late: what stood stands.
    json.loads(bill.manage("ops", "shell", "-c", TRUNCATE).split("TOLD ", 1)[1])
    told = bill.round(deliver=False)
    assert any("ends in the middle" in why for why in told["broken"]), told
    assert spend(acme) == before + more
    assert not bill.cases("open", "running")
    with public_scope("staff"):
        audit = AuditEvent.objects.filter(action="reconciliation.true_up")
        assert audit.count() >= len(open_cases)
        done = ReconciliationDecision.objects.filter(kind="true_up", state="done")
        assert all(row.corrections for row in done)

    used(globex)
    bill.round(late={"tenant": str(globex.id)}, duplicate_rows=True, duplicate_files=True)
    late = [c for c in bill.cases() if c.tenant_id == globex.id and not c.allocated]
    assert {case.state for case in late} == {"waiting"}
    told = bill.round(deliver=False, later=40)
    late = [c for c in bill.cases() if c.tenant_id == globex.id and not c.allocated]
    assert {case.state for case in late} == {"open"}
    late = [case for case in late if case.cause == "absent"]  # others stand in the bill already
    assert "is accepted" in bill.decide(late[0], "accept")
    assert spend(acme) == before + more  # drift is still on, rows came twice: nothing more


def test_a_held_period_is_released_once_with_a_reason_and_only_by_who_may(
    bill: Bill, worker: Worker
) -> None:
    acme = tenant_of(ALICE)
    address = f"{PAGE}release/?period={bill.period:%Y-%m}&tenant={acme.id}"
    with public_scope("staff"):
        standing = may_issue(acme.id, bill.period)
    assert standing.reasons  # the month is not over
    answer = bill.staff.post(address, {"reason": "no", "seen": str(standing.exposed)}, follow=True)
    assert answer.status_code == 422 and "still held" in answer.content.decode()
    assert ">no</textarea>" in answer.content.decode()
    form = {"reason": "The last days are known", "seen": str(standing.exposed)}
    released = "may be invoiced"

    def release() -> str:
        page: str = bill.staff.post(address, form, follow=True).content.decode()
        assert released in page or "have changed" in page
        return page

    pages = together(worker, ("public", "billing_reconciliationdecision"), release, release)
    assert sum(released in page for page in pages) == 1
    with public_scope("staff"):
        assert may_issue(acme.id, bill.period).may_issue
    outsider = Client(headers={"Host": "localhost"})
    assert outsider.post(address, form).status_code == 302


def test_of_two_decisions_in_one_instant_one_is_made_and_the_other_told(
    bill: Bill, worker: Worker
) -> None:
    bill.manage("owner", "shell", "-c", TIGHT)
    used(tenant_of(ALICE))
    bill.round(drift={"percent": "50", "tenant": str(tenant_of(ALICE).id)})
    case = next(case for case in bill.cases("open") if case.tenant_id == tenant_of(ALICE).id)
    pages = together(
        worker,
        ("public", "billing_reconciliationdecision"),
        lambda: bill.decide(case, "accept"),
        lambda: bill.decide(case, "accept"),
    )
    assert sum("is accepted" in page for page in pages) == 1
    assert sum("have changed" in page for page in pages) == 1
    with public_scope("staff"):
        made = ReconciliationDecision.objects.filter(day=case.day, model=case.model)
        assert made.filter(tenant_id=case.tenant_id, kind="accept").count() == 1


@pytest.mark.parametrize("embedded", ["document", "query"])
def test_what_a_knowledge_base_embedded_is_billed_and_shared_by_what_was_booked(
    bill: Bill, embedded: str
) -> None:
    ines = tenant_of(INES)
    with entered(ines):
        base = base_of(ines)
        assert base is not None
        text = "A crate of pears costs 15 euros."
        if embedded == "document":
            chunks_put(base, [KnowledgeChunk(uuid.uuid4(), text, uuid.uuid4())], actor=SYSTEM)
        else:
            gateway.knowledge_retrieve(
                text, actor=SYSTEM, feature="search", request_id=uuid.uuid4()
            )
    bill.round(later=4)
    [case] = [each for each in bill.cases() if each.tenant_id == ines.id and "embed" in each.model]
    assert case.cause == "estimated"  # by then, what AWS never billed would be absent
    assert case.allocated
    assert case.aws_usd > 0
