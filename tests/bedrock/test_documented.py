"""The table of primitives names what exists: files, functions, tests, staff's pages, commands."""

import re
from pathlib import Path

import pytest

from config.stack.options import REPOSITORY


def rows() -> list[list[str]]:
    document = (REPOSITORY / "docs" / "bedrock.md").read_text()
    table = document.split("## Primitives")[1].split("\n## ")[0]
    found = [line.strip("| ").split(" | ") for line in table.splitlines() if "`tests/" in line]
    assert len(found) > 30
    return found


def test_each_primitive_names_its_code_and_a_test_that_exist() -> None:
    for primitive, code, proofs, _ in rows():
        for path in re.findall(r"`([\w./]+/[\w./]*)`", code):
            assert Path(REPOSITORY, path).exists(), (primitive, path)
        for name, path in re.findall(r"`(\w+)` in `([\w./]+)`", code):
            assert re.search(rf"(def|class) {name}\b", Path(REPOSITORY, path).read_text()), name
        named = re.findall(r"`(tests/[\w./]+)::(\w+)`", proofs)
        assert named, primitive
        for path, test in named:
            assert f"def {test}(" in Path(REPOSITORY, path).read_text(), (primitive, test)


@pytest.mark.django_db
def test_each_primitive_names_pages_and_commands_that_exist() -> None:
    from django.contrib.admin.sites import all_sites
    from django.core.management import get_commands

    from config import urls_public as urls_public  # it loads the admin's pages

    lists = {str(each._meta.verbose_name_plural).lower()
             for site in all_sites for each in site._registry}  # fmt: skip
    for primitive, code, _, seen in rows():
        assert seen.strip(), primitive
        for names in re.findall(r"staff: ([^;]+)", seen):
            for name in names.split(", "):  # "a decision's page" is no list
                assert name.startswith("a ") or name.lower() in lists, (primitive, name)
        for command in re.findall(r"manage\.py (\w+)", code + seen):
            assert command in get_commands(), (primitive, command)


def test_each_hostile_case_names_tests_that_exist() -> None:
    document = (REPOSITORY / "docs" / "bedrock.md").read_text()
    cases = document.split("## Hostile cases")[1].split("\n## ")[0]
    named = re.findall(r"`(tests/[\w./]+)::(\w+)`", cases)
    assert len(named) >= 7
    for path, test in named:
        assert f"def {test}(" in Path(REPOSITORY, path).read_text(), (path, test)
