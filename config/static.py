"""Serve static files in front of Django, so that they touch neither its middleware nor a tenant."""

import re
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from servestatic import ServeStaticASGI

# Names that the manifest storage has stamped with a hash of the content.
HASHED: Final = re.compile(r"\.[0-9a-f]{12}\.[a-z0-9]+$")
FRESH_SECONDS: Final = 60  # for names without one
# Of a file that is opened by itself; a page's own policy governs what the page loads.
FILE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


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
    for folder in [root] if collected else _app_folders():
        served.add_files(str(folder), prefix=prefix)

    async def parted(scope: Any, receive: Any, send: Any) -> None:
        ours = scope["path"].startswith(settings.STATIC_URL)
        await (served if ours else application)(scope, receive, send)

    return parted


def _protected(headers: Any, _path: str, _url: str) -> None:
    """Give a file the headers that every answer of the product has."""
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = FILE_POLICY


def _app_folders() -> list[Path]:
    return [
        Path(storage.location)
        for finder in get_finders()
        for storage in getattr(finder, "storages", {}).values()
    ]
