"""Staff's pages of a move to another Region renew its state by themselves, until it has ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.assistant.talking import aside
from tests.support.cast import ADA, PASSWORD
from tests.support.clients import tenant_of
from tests.support.services import Worker


@pytest.fixture
def owner(worker: Worker) -> Iterator[psycopg.Connection[Any]]:
    """The login of the worker that moves workspaces."""
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as login:
        yield login


BEGUN = """
    INSERT INTO registry_regionmove (id, tenant_id, origin, target, state, back, step, error,
                                     prepared, copied)
    VALUES (%s, %s, 'us-east-1', 'eu-central-1', 'running', false, '', '', true, '')
"""
STEP = "UPDATE registry_regionmove SET step = '7 of 9 objects are copied' WHERE id = %s"
DONE = "UPDATE registry_regionmove SET state = 'done', finished_at = now() WHERE id = %s"


def test_the_page_of_one_move_and_of_its_workspace_say_how_far_it_is(
    host: str, page: Page, owner: psycopg.Connection[Any]
) -> None:
    workspace: list[uuid.UUID] = []
    aside(lambda: workspace.append(tenant_of(ADA).id))
    for number, of in enumerate(("regionmove", "tenant")):
        move = uuid.uuid4()
        owner.execute(BEGUN, [move, workspace[0]])
        address = f"/admin/registry/{of}/{move if of == 'regionmove' else workspace[0]}/change/"
        admin = host.replace(f"{ADA.workspace}.", "")
        page.goto(admin + (f"/admin/login/?next={address}" if number == 0 else address))
        if number == 0:
            page.fill("[name=username]", "staff@tenantry.example")
            page.fill("[name=password]", PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"**{address}")
        told = page.locator("#region-move")
        expect(told).to_contain_text("From us-east-1 to eu-central-1")
        expect(told).to_contain_text("Moving")
        page.evaluate("document.body.dataset.same = 'page'")
        owner.execute(STEP, [move])
        expect(told).to_contain_text("7 of 9 objects are copied")
        owner.execute(DONE, [move])
        expect(told).to_contain_text("Moved")
        expect(told).to_contain_text("Ended")
        expect(told).not_to_have_attribute("hx-get", "")  # it asks no more
        assert page.evaluate("document.body.dataset.same") == "page"  # nothing was loaded anew
        page.wait_for_load_state("networkidle")
    # Whoever is signed out meanwhile is told so in its place, and comes back to it.
    move = uuid.uuid4()
    owner.execute(BEGUN, [move, workspace[0]])
    page.goto(f"{admin}/admin/registry/regionmove/{move}/change/")
    page.context.clear_cookies()
    expect(told).to_contain_text("You are signed out")
    page.wait_for_load_state("networkidle")
    told.get_by_role("link", name="Sign in again").click()
    page.fill("[name=username]", "staff@tenantry.example")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(told).to_contain_text("From us-east-1 to eu-central-1")
    owner.execute(DONE, [move])
    expect(told).to_contain_text("Ended")
    page.wait_for_load_state("networkidle")
