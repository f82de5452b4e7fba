"""Pages that a mail, a proof, a reason or a failure brings, each brought as it is to people.

`everypage.py` opens addresses; behind these are a link that is good once, a sign-in half-way
through, a form that was sent, or something that broke.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any, Final

import psycopg
from django.contrib.auth.tokens import default_token_generator
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page, expect

from tenants.accounts.handover import confirm_make
from tenants.accounts.invitations import token_of
from tenants.accounts.models import Invitation, User
from tenants.context import Actor, entered, public_scope
from tenants.lifecycle.retention import data_policy_set
from tenants.registry.models import Impersonation
from tenants.signin.impersonating import visit_token
from tenants.signin.models import SignInPolicy
from tenants.signin.totp import STEP, totp_code
from tests.support.browser import settled
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, PASSWORD, Person
from tests.support.clients import tenant_of, user_of
from tests.support.services import Worker

LOOK_EVERY: Final = 0.2  # seconds
SUPPORT = "support@tenantry.example"
Walk = Callable[[Page], Any]
CASE = """
    INSERT INTO billing_reconciliationline
        (id, period, day, tenant_id, model, unit, ledger_quantity, ledger_usd, estimated_quantity,
         log_quantity, aws_quantity, aws_usd, aws_source, allocated, cause)
    VALUES (gen_random_uuid(), %s, %s, %s, 'nova', 'input_tokens', 1200000, 0.072, 0, 1200000,
            1800000, 0.108, 'cur', false, 'drift')
"""


class Brought:
    """Everything stands at one port; `settings` are the deployment's, `worker` its database."""

    def __init__(self, port: int, settings: Any, worker: Worker) -> None:
        self.port, self.settings, self.worker = port, settings, worker
        self.secrets: dict[str, str] = {}  # of authenticator apps, by address

    def pages(self) -> Iterator[tuple[str, Walk]]:
        """Yield each page's name and what brings it; in this order: later ones need earlier."""
        yield "invitation", self._invitation
        yield "invitation over", lambda page: page.goto(self._at(ALICE, "invitation/none/"))
        yield "new password", self._reset
        yield "new password over", lambda page: page.goto(self._at(BOB, "password-reset/x/y-z/"))
        yield "confirm", self._confirm
        yield "confirmed", lambda page: self._pressed(page, self._confirm, "Yes, confirm it")
        yield "confirm over", lambda page: page.goto(self._at(BOB, "confirm/none/"))
        yield "recovery codes", lambda page: self._app_added(page, ADA)
        yield "second step", lambda page: self._half_in(page, ADA)
        yield "second step refused", self._refused
        yield "set up", self._set_up
        yield "set up, codes", lambda page: self._codes_after(page, self._set_up, MAX.email)
        yield "visit", self._visit
        yield "visit over", lambda page: page.goto(self._at(ADA, "staff-visit/none/"))
        yield "staff, set up", self._staff_set_up
        yield "staff, codes", lambda page: self._codes_after(page, self._staff_set_up, SUPPORT)
        yield "staff, second step", self._staff_in
        yield "staff, new codes", self._staff_codes
        yield "staff, visit begins", self._staff_visit
        yield "staff, suspend", self._staff_step
        yield "not found", lambda page: page.goto(self._at(BOB, "nothing/"))
        yield "not for this role", self._forbidden
        yield "form out of date", self._form_of_yesterday
        yield "too many", self._too_many
        yield "failed", self._failed
        yield "busy", self._busy
        yield "staff, case", self._staff_case
        yield "staff, release", self._staff_release
        yield "not there", lambda page: page.goto(f"http://nobody.localhost:{self.port}/")

    def _at(self, person: Person, path: str) -> str:
        return f"http://{person.host}:{self.port}/{path}"

    def _pressed(self, page: Page, walk: Walk, name: str) -> None:
        walk(page)
        page.get_by_role("button", name=name).click()
        settled(page)

    def _signed_in(self, page: Page, person: Person, then: str = "/settings/workspace/") -> None:
        page.goto(self._at(person, f"sign-in/?next={then}"))
        page.fill("[name=email]", person.email)
        page.fill("[name=password]", PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        settled(page)

    def _invitation(self, page: Page) -> None:
        with entered(tenant_of(ALICE)):
            row = Invitation.objects.create(
                email="mia@acme.example", role="member", invited_by=user_of(ALICE).id,
                expires_at=timezone.now() + timedelta(days=1),
            )  # fmt: skip
            token = token_of(row)
        page.goto(self._at(ALICE, f"invitation/{token}/"))

    def _reset(self, page: Page) -> None:
        with entered(tenant_of(BOB)):
            user = user_of(BOB)
            uid = urlsafe_base64_encode(force_bytes(user.pk))
            token = default_token_generator.make_token(user)
        page.goto(self._at(BOB, f"password-reset/{uid}/{token}/"))

    def _confirm(self, page: Page) -> None:
        with entered(tenant_of(BOB)):
            User.objects.filter(email=BOB.email).update(email_confirmed_at=None)
            token = confirm_make(user_of(BOB), tenant_of(BOB))
        page.goto(self._at(BOB, f"confirm/{token}/"))

    def _app_added(self, page: Page, person: Person) -> None:
        self._signed_in(page, person)
        page.goto(self._at(person, "settings/security/add/"))
        self._code_sent(page, person.email)

    def _code_sent(self, page: Page, email: str) -> None:
        """Add the app that the page shows, which answers with recovery codes."""
        told = page.locator("#app-secret").text_content() or ""
        self.secrets[email] = told.replace(" ", "")
        page.fill("#id_code", totp_code(self.secrets[email], int(time.time()) // STEP))
        page.get_by_role("button", name="Add the app").click()
        expect(page.locator("#recovery-codes")).to_contain_text("-")

    def _codes_after(self, page: Page, walk: Walk, email: str) -> None:
        walk(page)
        self._code_sent(page, email)

    def _half_in(self, page: Page, person: Person) -> None:
        self._signed_in(page, person)
        expect(page.locator("#id_code")).to_be_visible()

    def _refused(self, page: Page) -> None:
        self._half_in(page, ADA)
        page.fill("#id_code", "000000")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert").first).to_be_visible()

    def _set_up(self, page: Page) -> None:
        with entered(tenant_of(MAX)):
            SignInPolicy.objects.update_or_create(id=1, defaults={"second": "everyone"})
        self._signed_in(page, MAX)
        expect(page.locator("#id_code")).to_be_visible()

    def _visit(self, page: Page) -> None:
        with entered(tenant_of(CHARLIE)):
            owner = user_of(CHARLIE)
            data_policy_set(actor=Actor(owner.id, "owner", "session"), staff_access="read")
        with public_scope("staff"):
            staff = User.objects.get(email=SUPPORT)
            visit = Impersonation.objects.create(
                tenant_id=tenant_of(CHARLIE).id, user_id=owner.id, staff_id=staff.id, second=True,
                reason="To be seen", expires_at=timezone.now() + timedelta(minutes=20),
            )  # fmt: skip
        page.goto(self._at(CHARLIE, f"staff-visit/{visit_token(visit)}/"))
        page.goto(self._at(CHARLIE, "documents/"))

    def _staff(self, page: Page, then: str = "/admin/") -> None:
        page.goto(f"http://localhost:{self.port}/admin/login/?next={then}")
        page.fill("#id_username", SUPPORT)
        page.fill("#id_password", PASSWORD)
        page.get_by_role("button", name="Log in").click()
        settled(page)

    def _staff_set_up(self, page: Page) -> None:
        self.settings.STAFF_SECOND_FACTOR = "required"
        self._staff(page)
        expect(page.locator("#id_code")).to_be_visible()

    def _staff_in(self, page: Page) -> None:
        self._staff(page)
        expect(page.locator("#id_code")).to_be_visible()

    def _staff_through(self, page: Page, then: str) -> None:
        """Sign in by both steps; each code works once, so the clock's next one is taken too."""
        with public_scope("staff"):
            User.objects.get(email=SUPPORT).factors.update(last_step=0)
        self._staff(page, then)
        page.fill("#id_code", totp_code(self.secrets[SUPPORT], int(time.time()) // STEP))
        page.get_by_role("button", name="Continue").click()
        settled(page)

    def _staff_codes(self, page: Page) -> None:
        self._staff_through(page, "/admin/second-factor/")
        page.get_by_role("button", name="New recovery codes").click()
        expect(page.locator("#recovery-codes")).to_contain_text("-")

    def _staff_visit(self, page: Page) -> None:
        tenant = tenant_of(CHARLIE).id
        self._staff_through(page, f"/admin/registry/impersonation/begin/?tenant={tenant}")
        expect(page.get_by_role("button", name="Look into it")).to_be_visible()

    def _staff_step(self, page: Page) -> None:
        with public_scope("staff"):
            User.objects.filter(email=SUPPORT).update(staff_role="security")
        self._staff_through(page, "/admin/registry/tenant/")
        page.locator("tbody input[name=_selected_action]").first.check()
        page.locator("select[name=action]").select_option("suspend")
        page.locator("button[name=index]").first.click()
        expect(page.get_by_text("What will happen").first).to_be_visible()

    def _forbidden(self, page: Page) -> None:
        self._signed_in(page, CHARLIE)
        with entered(tenant_of(CHARLIE)):
            User.objects.filter(email=CHARLIE.email).update(role="viewer")
        page.goto(self._at(CHARLIE, "settings/audit/"))

    def _form_of_yesterday(self, page: Page) -> None:
        page.goto(self._at(BOB, "sign-in/"))
        page.context.clear_cookies()
        page.fill("[name=email]", BOB.email)
        page.fill("[name=password]", PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        settled(page)

    def _too_many(self, page: Page) -> None:
        for _ in range(6):
            page.goto(self._at(BOB, "password-reset/"))
            page.fill("[name=email]", "too-many@acme.example")
            page.locator("main button").first.click()
            settled(page)

    def _failed(self, page: Page) -> None:
        """Take a table away, as a migration gone wrong would."""
        with entered(tenant_of(CHARLIE)):
            User.objects.filter(email=CHARLIE.email).update(role="owner")
        self._signed_in(page, CHARLIE)
        schema, url = tenant_of(CHARLIE).schema, self.worker.served.cluster()
        with psycopg.connect(url.url("owner", self.worker.database), autocommit=True) as owner:
            table = f'"{schema}".webhooks_endpoint'
            owner.execute(f"ALTER TABLE {table} RENAME TO gone")  # type: ignore[arg-type]
            page.goto(self._at(CHARLIE, "settings/webhooks/"))
            table = f'"{schema}".gone'
            owner.execute(f"ALTER TABLE {table} RENAME TO webhooks_endpoint")  # type: ignore[arg-type]

    def _busy(self, page: Page) -> None:
        """End the database's connection of a request that waits there, as a restart does."""
        self._signed_in(page, CHARLIE)
        url = self.worker.served.cluster().url("postgres", self.worker.database)
        table = f'"{tenant_of(CHARLIE).schema}".webhooks_endpoint'
        with psycopg.connect(url) as owner, ThreadPoolExecutor(1) as aside:
            owner.execute(f"LOCK TABLE {table}")  # type: ignore[arg-type]
            came = Event()
            ended = aside.submit(self._end_waiting, url, came)
            try:
                page.goto(self._at(CHARLIE, "settings/webhooks/"))
            finally:
                came.set()
            assert ended.result() > 0

    @staticmethod
    def _end_waiting(url: str, came: Event) -> int:
        """End whatever waits for the table until the page came, and count it."""
        waits = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND query LIKE '%webhooks_endpoint%'"
        )
        ended = 0
        with psycopg.connect(url, autocommit=True) as login:
            while not came.wait(LOOK_EVERY):
                ended += len(login.execute(waits).fetchall())
        return ended

    def _staff_case(self, page: Page) -> None:
        tenant, period = tenant_of(CHARLIE).id, timezone.now().date().replace(day=1)
        with public_scope("staff"):
            User.objects.filter(email=SUPPORT).update(staff_role="finance")
        url = self.worker.served.cluster().url("owner", self.worker.database)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(CASE, [period, period, tenant])
        self._staff_through(
            page,
            "/admin/billing/reconciliationline/case/"
            f"?period={period:%Y-%m}%26day={period}%26tenant={tenant}%26model=nova",
        )
        expect(page.locator("textarea[name=reason], input[name=reason]").first).to_be_visible()

    def _staff_release(self, page: Page) -> None:
        tenant, period = tenant_of(CHARLIE).id, timezone.now().date().replace(day=1)
        self._staff_through(
            page,
            f"/admin/billing/reconciliationline/release/?period={period:%Y-%m}%26tenant={tenant}",
        )
        expect(page.locator("textarea[name=reason], input[name=reason]").first).to_be_visible()
