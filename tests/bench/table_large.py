"""The largest file: 200 MB in parts straight to storage, then read, found and looked at."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from tests.bench import live
from tests.bench.ingesting import documents_ready, family, memory_watched
from tests.bench.table import Table
from tests.support.heavy import heavy_pdf

LARGEST = 200 * 1024 * 1024  # bytes; the product takes no larger file
PAGES = 100
DRAWN = 4
AT_ONCE = 3  # parts on their way, as a browser sends them
HELD = 0.25  # of the file that a process and its children may need more than before
WORDS = "The tide gate at Orlock harbour number 1 opens 31 minutes before high water."
QUERY = "When does the tide gate at Orlock harbour number 1 open?"


def run() -> Table:
    """Send the file and watch the web process and the worker, each with its children."""
    stack = live.product()
    parts = {name: family(stack.part(name)) for name in ("web", "worker")}
    rows: list[tuple[str, ...]] = []
    most = 0.0

    @contextmanager
    def step(name: str) -> Iterator[None]:
        nonlocal most
        with memory_watched(parts["web"]) as web, memory_watched(parts["worker"]) as worker:
            began = perf_counter()
            yield
            took = perf_counter() - began
        grown = [seen.most - seen.before for seen in (web, worker)]
        most = max(most, *(more / LARGEST for more in grown))
        rows.append((name, f"{took:.1f}", *(f"{more / 1e6:.0f}" for more in grown)))

    person = stack.person("acme", "member")
    with (
        tempfile.TemporaryDirectory() as folder,
        stack.http(person, timeout=180) as api,
        live.superuser(stack) as database,
    ):
        path = Path(folder) / "largest.pdf"
        heavy_pdf(path, LARGEST, PAGES, {PAGES * 2 // 3: WORDS})
        live.fill_buckets(stack)
        with step("its parts sent to storage"):
            upload, etags = _sent(api, path)
        with step("completed: read through, checked"):
            address = f"/api/v1/documents/uploads/{upload}/complete/"
            made = api.post(address, json={"parts": etags}).raise_for_status().json()
        with step("read, embedded, ready"):
            passages = documents_ready(stack, database, "acme")([made["id"]])
        with step("found by search"):
            found = api.post("/api/v1/search/", json={"query": QUERY}).raise_for_status().json()
        assert any(WORDS in " ".join(each["text"].split()) for each in found["results"]), found
        cookies = {"session": stack.session(person)}
        with (
            stack.http(person, key="", cookies=cookies, timeout=180) as browser,
            step(f"opened in the viewer, {DRAWN} pages drawn"),
        ):
            browser.get(f"/documents/{made['id']}/").raise_for_status()
            for page in range(1, DRAWN + 1):
                browser.get(f"/documents/{made['id']}/pages/{page}/").raise_for_status()
        api.delete(f"/api/v1/documents/{made['id']}/").raise_for_status()
    return Table(
        title="The largest file",
        includes=(
            f"A PDF file of {LARGEST / 1e6:.0f} MB, {PAGES} pages with a picture each that"
            f" cannot be packed, {passages} passages, as a browser sends it: {AT_ONCE} parts of"
            " 8 MiB at once straight to the local S3. Memory is what the"
            " process and its children have at the most (PSS) above what they had before."
        ),
        columns=("", "s", "web, MB more", "worker, MB more"),
        rows=rows,
        target=f"nothing holds more than {HELD:.0%} of the file",
        reached=most <= HELD,
    )


def _sent(api: httpx.Client, path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Begin the upload and PUT all parts; return its id and what S3 said to each."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    told = {"name": path.name, "size": path.stat().st_size, "sha256": digest}
    upload = api.post("/api/v1/documents/uploads/", json=told).raise_for_status().json()
    numbers = [part["number"] for part in upload["parts"]]
    answer = api.post(f"/api/v1/documents/uploads/{upload['id']}/parts/", json={"numbers": numbers})
    with httpx.Client(trust_env=False, timeout=60) as s3, path.open("rb") as file:

        def put(part: dict[str, Any]) -> dict[str, Any]:
            start = (part["number"] - 1) * upload["part_bytes"]
            content = os.pread(file.fileno(), part["size"], start)
            sent = s3.put(part["url"], content=content).raise_for_status()
            return {"number": part["number"], "etag": sent.headers["ETag"]}

        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = answer.raise_for_status().json()["parts"]
            return str(upload["id"]), list(pool.map(put, parts))
