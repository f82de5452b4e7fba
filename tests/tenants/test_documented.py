"""The table of security names tests that exist."""

import re
from pathlib import Path

from config.stack.options import REPOSITORY


def test_every_test_that_the_security_page_names_exists() -> None:
    page = (REPOSITORY / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[\w./]+)::(\w+)`", page)
    assert len(named) > 80
    for path, test in named:
        assert f"def {test}(" in Path(REPOSITORY, path).read_text(), (path, test)
    rows = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    for row in rows:
        requirement, status, proof = [cell.strip() for cell in row.split("|")[2:5]]
        assert status in {"met", "partly", "not yet"}, row
        assert status != "met" or "::test_" in proof, requirement
