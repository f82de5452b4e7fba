"""The table of primitives names what exists: files, functions, tests."""

import re
from pathlib import Path

from config.stack.options import REPOSITORY


def test_each_primitive_names_its_code_and_a_test_that_exist() -> None:
    document = (REPOSITORY / "docs" / "bedrock.md").read_text()
    table = document.split("## Primitives")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if "`tests/" in line]
    assert len(rows) > 30
    for primitive, code, proofs, _ in rows:
        for path in re.findall(r"`([\w./]+/[\w./]*)`", code):
            assert Path(REPOSITORY, path).exists(), (primitive, path)
        for name, path in re.findall(r"`(\w+)` in `([\w./]+)`", code):
            assert re.search(rf"(def|class) {name}\b", Path(REPOSITORY, path).read_text()), name
        named = re.findall(r"`(tests/[\w./]+)::(\w+)`", proofs)
        assert named, primitive
        for path, test in named:
            assert f"def {test}(" in Path(REPOSITORY, path).read_text(), (primitive, test)
