"""A file read as an upload of its type, for the tests of parsing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from documents.parsing import MediaType, ParsedText, parse

Read = Callable[[bytes | str, MediaType], ParsedText]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a file's content as an upload of that type; its headings are at their places."""

    def _read(content: bytes | str, media_type: MediaType) -> ParsedText:
        path = tmp_path / "upload"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        parsed = parse(path, media_type)
        for heading in parsed.headings:
            assert parsed.text.startswith(heading.title, heading.start)
        return parsed

    return _read
