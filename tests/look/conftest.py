"""Pages rendered by the product's template engine, served under the product's own policy.

No view and no database stands behind them: these tests are about what every page shares.
"""

import mimetypes
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
REFUSAL = b'{"code": "quota_exhausted", "detail": "Wait until 1 December, or upgrade."}'
HTML = "text/html; charset=utf-8"


class _Handler(BaseHTTPRequestHandler):
    """Serves the rendered pages, the static files, and one refusal."""

    pages: dict[str, bytes] = {}  # noqa: RUF012 - filled once, by the fixture
    policy = ""

    def do_GET(self) -> None:
        if page := self.pages.get(self.path):
            self._answer(200, HTML, page)
            return
        path = (ROOT / self.path.split("?")[0].lstrip("/")).resolve()
        if path.is_relative_to(ROOT / "static") and path.is_file():
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            self._answer(200, kind, path.read_bytes())
            return
        self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        self._answer(402, "application/problem+json", REFUSAL)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _pages() -> dict[str, bytes]:
    from django.template.loader import render_to_string

    workspace = {
        "tenant": {
            "name": "Acme",
            "plan": "growth",
            "plan_name": "Growth",
            "posture": "general",
            "region": "us-east-1",
        },
        "user": {
            "name": "Alice Moreau",
            "email": "alice@acme.example",
            "role": "owner",
            "initials": "AM",
        },
        "settings_nav": [{"href": "/settings/members/", "label": "Members", "icon": "users"}],
        "product_name": "Tenantry",
    }
    meter = {"label": "Tokens", "used": "19 M", "included": "20 M", "used_percent": 95.5}
    shells = {
        path: render_to_string(
            "layouts/settings.html", {**workspace, "request": SimpleNamespace(path=path)}
        ).encode()
        for path in ("/settings/members/", "/documents/")
    }
    return {
        "/design/": render_to_string("components/gallery.html").encode(),
        "/usage/meter/": render_to_string(
            "components/quota_meter.html", {**meter, "reserved_percent": 1.5, "state": "near"}
        ).encode(),
        **shells,
    }


@pytest.fixture(scope="session")
def served_pages(worker: object) -> Iterator[str]:
    """The address of a server of the rendered pages."""
    from config.middleware import PAGE_POLICY

    _Handler.pages = _pages()
    _Handler.policy = PAGE_POLICY
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()
