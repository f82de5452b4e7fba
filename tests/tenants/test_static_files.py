"""How long browsers keep the product's scripts, styles and pictures."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator
from django.contrib.staticfiles.finders import find

STATIC = Path(__file__).parents[2] / "static"
CHARTS = "unfold/js/chart/chart.js"


def served(address: str) -> tuple[bytes, bytes]:
    """Return the file, and what the answer says of how long it may be kept."""
    from config.static import with_static

    async def fetched() -> tuple[bytes, bytes]:
        parts = urlsplit(address)
        scope = {"type": "http", "method": "GET", "path": parts.path, "headers": [],
                 "query_string": parts.query.encode()}  # fmt: skip
        talk = ApplicationCommunicator(with_static(None), scope)
        start = await talk.receive_output(5)
        assert start["status"] == 200
        body, more = b"", True
        while more:  # to its end, where the file is closed
            part = await talk.receive_output(5)
            body, more = body + part["body"], part.get("more_body", False)
        await talk.wait(60)
        return body, dict(start["headers"])[b"cache-control"]

    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(fetched())).result()


def kept_for(address: str) -> bytes:
    return served(address)[1]


def test_a_page_asks_for_a_file_again_when_it_has_changed_and_not_before(
    settings: Any, tmp_path: Path
) -> None:
    from config.static import StampedFiles

    settings.STATIC_ROOT = tmp_path
    file = tmp_path / "kept.js"
    file.write_text("1")
    before = StampedFiles().url("kept.js")
    assert kept_for(before) == b"max-age=315360000, public, immutable"
    assert kept_for("/static/kept.js") == b"max-age=60, public"
    os.utime(file, ns=(1, 1))
    after = StampedFiles().url("kept.js")
    assert urlsplit(after).path == urlsplit(before).path == "/static/kept.js"
    assert after != before
    assert StampedFiles().url("missing.js") == "/static/missing.js"


def test_files_that_are_not_collected_are_stamped_and_libraries_kept_a_while() -> None:
    from config.static import StampedFiles

    assert kept_for(StampedFiles().url("icons.svg")).endswith(b"immutable")
    assert kept_for("/static/icons.svg") == b"max-age=0, public"
    assert kept_for("/static/admin/css/base.css") == b"max-age=3600, public"


def test_a_page_and_its_styles_name_the_font_alike_and_it_is_kept_a_while() -> None:
    from config.static import StampedFiles

    address = StampedFiles().url("fonts/inter.woff2")
    styles = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
    assert address == "/static/fonts/inter.woff2"
    assert 'url("../fonts/inter.woff2")' in styles.read_text()
    assert kept_for(address) == b"max-age=3600, public"


def test_a_file_of_the_product_s_own_is_served_before_a_library_s_of_the_same_name() -> None:
    own = STATIC / CHARTS  # no page of staff's draws with the library, and each would wait for it
    assert find(CHARTS) == str(own)
    assert served(f"/static/{CHARTS}")[0] == own.read_bytes()
    assert len(own.read_bytes()) < 200
