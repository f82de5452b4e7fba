"""The tables of security and governance name tests that exist."""

import re
from pathlib import Path

import pytest

from config.stack.options import REPOSITORY


@pytest.mark.parametrize(("page", "least"), [("security.md", 80), ("governance.md", 60)])
def test_every_test_that_a_page_names_exists(page: str, least: int) -> None:
    told = (REPOSITORY / "docs" / page).read_text()
    named = re.findall(r"`([\w./]+\.py)::(\w+)`", told)
    assert len(named) > least
    for path, test in named:
        file = Path(path) if path.startswith("tests/") else Path("tests/tenants") / path
        assert f"def {test}(" in Path(REPOSITORY, file).read_text(), (path, test)


def test_what_the_security_page_calls_met_names_a_test() -> None:
    page = (REPOSITORY / "docs" / "security.md").read_text()
    for row in (line for line in page.splitlines() if re.match(r"\| \d", line)):
        requirement, status, proof = [cell.strip() for cell in row.split("|")[2:5]]
        assert status in {"met", "partly", "not yet"}, row
        assert status != "met" or "::test_" in proof, requirement


def test_every_module_that_the_governance_page_names_exists() -> None:
    page = (REPOSITORY / "docs" / "governance.md").read_text()
    named = re.findall(
        r"`((?:tenants|bedrock|billing|assistant|search|documents|config)/[\w./]*)", page
    )
    assert len(named) > 40
    for path in named:
        assert Path(REPOSITORY, path).exists(), path
