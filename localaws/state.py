"""Small JSON documents on disk, written whole and atomically."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a crash at any moment leaves the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


class JsonStore:
    """Documents by collection, account and Region, read from memory and written through to disk.

    A document is replaced whole: callers hold `lock` while they read, change and `save`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.RLock()
        self._loaded: dict[tuple[str, str, str], dict[str, Any]] = {}  # a path takes longer

    def _path(self, collection: str, account: str, region: str) -> Path:
        return self.root / account / region / f"{collection}.json"

    def load(self, collection: str, account: str, region: str) -> dict[str, Any]:
        """The live document; empty where nothing was saved."""
        place = (collection, account, region)
        with self.lock:
            if place not in self._loaded:
                path = self._path(*place)
                self._loaded[place] = json.loads(path.read_text()) if path.exists() else {}
            return self._loaded[place]

    def save(self, collection: str, account: str, region: str) -> None:
        """Write the live document to disk."""
        path = self._path(collection, account, region)
        with self.lock:
            document = json.dumps(self.load(collection, account, region), indent=1)
            write_atomically(path, document.encode())

    def places(self, collection: str) -> list[tuple[str, str]]:
        """Every (account, Region) that has saved a document of this collection."""
        return [
            (path.parent.parent.name, path.parent.name)
            for path in sorted(self.root.glob(f"*/*/{collection}.json"))
        ]
