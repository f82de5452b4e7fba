"""Serve static files in front of Django, so that they touch neither its middleware nor a tenant."""

import re
from functools import cache
from pathlib import Path
from stat import S_ISREG
from time import monotonic
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import find, get_finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from servestatic import ServeStaticASGI

# Names that the manifest storage has stamped with a hash of the content.
HASHED: Final = re.compile(r"\.[0-9a-f]{12}\.[a-z0-9]+$")
STAMP: Final = b"v="  # begins the query of an address that says when its file was changed
FRESH_SECONDS: Final = 60  # for names without one
# What libraries' styles name changes with an installation.
LIBRARY: Final = "max-age=3600, public"
FONT: Final = ".woff2"
FOREVER: Final = b"max-age=315360000, public, immutable"
# Of a file that is opened by itself; a page's own policy governs what the page loads.
FILE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class StampedFiles(StaticFilesStorage):
    """Addresses with the time of their file's last change, where nothing stamps the names.

    A browser then asks for a file again when it has changed, and not with each page. The disk is
    looked at once a second for each address: a long list names its icons' some hundred times.
    Fonts keep the address by which the styles name them, or a page that loads one ahead would load
    it twice.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._address = cache(super().url)
        self._stamped: dict[str | None, tuple[float, str]] = {}  # until when, and what

    def url(self, name: str | None) -> str:
        until, address = self._stamped.get(name, (0.0, ""))
        if monotonic() > until:
            address = self._stamp(name)
            self._stamped[name] = (monotonic() + 1, address)
        return address

    def _stamp(self, name: str | None) -> str:
        address = self._address(name)
        file = None if address.endswith(FONT) else _file_of(name or "")
        try:
            seen = file.stat() if file else None
        except OSError:
            seen = None
        return f"{address}?v={seen.st_mtime_ns:x}" if seen and S_ISREG(seen.st_mode) else address


@cache
def _file_of(name: str) -> Path | None:
    """Return the file that is served under the name."""
    root = Path(settings.STATIC_ROOT)
    if root.is_dir():
        return root / name
    found = find(name)
    return Path(found) if found else None


def with_static(application: Any) -> Any:
    """Return `application` behind the static files, which only addresses of theirs are looked for.

    Collected files are served where `collectstatic` has been run, else those of each app: then each
    look goes to a thread and to the disk.
    """
    root = Path(settings.STATIC_ROOT)
    collected = root.is_dir()
    served = ServeStaticASGI(
        application,
        max_age=FRESH_SECONDS if collected else 0,
        autorefresh=not collected,  # files that are edited while they are served
        immutable_file_test=lambda _path, url: bool(HASHED.search(url)),
        add_headers_function=_protected,
    )
    prefix = settings.STATIC_URL.strip("/")
    for folder in [root] if collected else reversed(_app_folders()):  # the last is asked first
        served.add_files(str(folder), prefix=prefix)

    async def parted(scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].startswith(settings.STATIC_URL):
            await application(scope, receive, send)
        elif scope.get("query_string", b"").startswith(STAMP):
            await served(scope, receive, _keeping(send))
        else:
            await served(scope, receive, send)

    return parted


def _keeping(send: Any) -> Any:
    """Let the browser keep the file for good: once it changes, it has another address."""

    async def kept(message: Any) -> None:
        if message.get("status") in (200, 304):
            headers = [each for each in message["headers"] if each[0] != b"cache-control"]
            message = message | {"headers": [*headers, (b"cache-control", FOREVER)]}
        await send(message)

    return kept


def _protected(headers: Any, path: str, url: str) -> None:
    """Give a file the headers that every answer of the product has, and a library's its time.

    A font too is kept that long: a page that had to ask for it anew would first be drawn without.
    """
    if "site-packages" in path or (path.endswith(FONT) and not HASHED.search(url)):
        headers["Cache-Control"] = LIBRARY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = FILE_POLICY


def _app_folders() -> list[Path]:
    return [
        Path(storage.location)
        for finder in get_finders()
        for storage in getattr(finder, "storages", {}).values()
    ]
