"""S3 written through to disk: every object that moto accepts survives a restart or a crash.

An object is two files under its bucket's folder: `<sha256 of key>.json` (key, metadata, tags) and
a body named at random. The JSON file is replaced last and atomically, so a reader finds the old
object or the new one. Bodies are read from disk, which keeps them out of memory. Of a versioned
bucket the newest version is kept on disk; older ones live as long as the process.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import uuid
import weakref
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.s3.models import FakeBucket, FakeKey, FakeMultipart, S3Backend, s3_backends

from localaws.state import write_atomically


class DiskBody:
    """The file-like buffer that moto reads an object's body from, backed by a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0

    def seek(self, offset: int) -> None:
        """Stand at an offset from the start."""
        self._at = offset

    def read(self, size: int = -1) -> bytes:
        """Read from where it stands."""
        with self.path.open("rb") as file:
            file.seek(self._at)
            block = file.read(size)
        self._at += len(block)
        return block

    def write(self, _block: bytes) -> int:
        """Refuse: a stored body never changes, a new object gets a new file."""
        raise io.UnsupportedOperation("a stored body is immutable")

    def truncate(self) -> None:
        """Refuse, as `write` does."""
        raise io.UnsupportedOperation("a stored body is immutable")

    def close(self) -> None:
        """Nothing is held open."""


class ObjectStore:
    """The buckets of every account, mirrored under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.RLock()
        self._stored: dict[str, dict[str, FakeKey]] = {}
        self._live_bodies: set[str] = set()

    # Reading and writing objects ------------------------------------------------------------

    def bucket(self, name: str) -> FakeBucket | None:
        """Moto's bucket of this name in any account, or None."""
        owner = s3_backends.bucket_accounts.get(name)
        if owner is None:
            return None
        partition, account = owner
        return s3_backends[account][partition].buckets.get(name)

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Store an object on the service's own behalf (log delivery)."""
        owner = s3_backends.bucket_accounts[bucket]
        backend = s3_backends[owner[1]][owner[0]]
        stored = backend.put_object(bucket, key, body)
        stored.set_metadata({"Content-Type": content_type})
        self.sync_key(bucket, key)

    def new_body(self, bucket: str) -> Path:
        """Where a large body may be written for `put_file`; the next start removes leftovers."""
        return self.root / bucket / f"body-{uuid.uuid4().hex}"

    def put_file(self, bucket: str, key: str, path: Path, content_type: str) -> None:
        """Store a file of `new_body` as an object, without reading it into memory."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        owner = s3_backends.bucket_accounts[bucket]
        with self._lock:
            stored = s3_backends[owner[1]][owner[0]].put_object(bucket, key, b"")
            stored.set_metadata({"Content-Type": content_type})
            stored._etag, stored.contentsize = digest, path.stat().st_size
            self._adopt(stored, path)
            self.sync_key(bucket, key)

    def files(self, bucket: str, key: str) -> dict[str, Path]:
        """Bodies on disk by key: of one object, or of all under a prefix that ends in a slash."""
        live = self.bucket(bucket)
        found: dict[str, Path] = {}
        for name in sorted(live.keys) if live is not None else []:
            body = getattr(live.keys[name], "_value_buffer", None)  # type: ignore[union-attr]
            if (name == key or (key[-1:] in ("", "/") and name.startswith(key))) and isinstance(
                body, DiskBody
            ):
                found[name] = body.path
        return found

    def sync_key(self, bucket: str, key: str) -> None:
        """Make the disk say what moto says about one key."""
        with self._lock:
            live = self.bucket(bucket)
            current = live.keys.get(key) if live is not None else None
            if isinstance(current, FakeKey):
                self._write(bucket, current)
            else:
                self._forget(bucket, key)
            # Moto keeps every instance it ever made alive in these lists.
            FakeKey.instances_tracked.clear()  # type: ignore[attr-defined]
            FakeMultipart.instances_tracked.clear()  # type: ignore[attr-defined]

    def sync_bucket(self, bucket: str) -> None:
        """Make the disk say what moto says about a bucket: after creation, deletion, bulk calls."""
        with self._lock:
            live = self.bucket(bucket)
            folder = self.root / bucket
            if live is None:
                for key in list(self._stored.pop(bucket, {})):
                    self._metadata_path(bucket, key).unlink(missing_ok=True)
                for path in sorted(folder.glob("*")):
                    path.unlink(missing_ok=True)
                if folder.is_dir():
                    folder.rmdir()
                return
            self._write_bucket(live, self._settings(bucket))
            stored = self._stored.setdefault(bucket, {})
            for key in set(stored) | set(live.keys):
                if stored.get(key) is not live.keys.get(key):
                    self.sync_key(bucket, key)

    def keep_setting(self, bucket: str, setting: str, body: bytes | None) -> None:
        """Keep a bucket's sub-resource (policy, CORS, lifecycle…) as it was put; None removes."""
        with self._lock:
            live = self.bucket(bucket)
            if live is None:
                return
            settings = self._settings(bucket)
            settings.pop(setting, None)
            if body is not None:
                settings[setting] = body.decode("utf-8", "replace")
            self._write_bucket(live, settings)

    # Start ----------------------------------------------------------------------------------

    def load(self) -> list[tuple[str, str, str]]:
        """Bring back what the disk holds; returns (bucket, setting, body) still to be replayed."""
        replay: list[tuple[str, str, str]] = []
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in sorted(path for path in self.root.iterdir() if path.is_dir()):
            about = folder / "bucket.json"
            if not about.exists():
                continue
            facts = json.loads(about.read_text())
            backend: S3Backend = s3_backends[facts["account"]]["aws"]
            live = backend.create_bucket(facts["name"], facts["region"])
            live.creation_date = datetime.fromisoformat(facts["created"])
            replay += [(facts["name"], name, body) for name, body in facts["settings"].items()]
            bodies = set()
            for path in folder.glob("*.json"):
                if path.name != "bucket.json":
                    bodies.add(self._load_object(backend, live, json.loads(path.read_text())))
            for path in folder.glob("body-*"):
                if path.name not in bodies:
                    path.unlink()
        FakeKey.instances_tracked.clear()  # type: ignore[attr-defined]
        return replay

    def _load_object(self, backend: S3Backend, bucket: FakeBucket, facts: dict[str, Any]) -> str:
        key = FakeKey(
            name=facts["key"],
            bucket_name=bucket.name,
            value=b"",
            account_id=backend.account_id,
            region_name=backend.region_name,
            storage=facts["storage"],
            etag=facts["etag"],
            version_id=facts["version"],
            is_versioned=facts["version"] != "null",
            encryption=facts["encryption"],
            checksum_value=facts["checksum"],
        )
        key.checksum_algorithm = facts["algorithm"]
        key.last_modified = datetime.fromisoformat(facts["modified"])
        key.set_metadata(facts["metadata"])
        key.contentsize = facts["size"]
        self._adopt(key, self.root / bucket.name / facts["body"])
        bucket.keys.setlist(key.name, [key])
        if facts["tags"]:
            backend.tagger.tag_resource(
                key.arn, backend.tagger.convert_dict_to_tags_input(facts["tags"])
            )
        self._stored.setdefault(bucket.name, {})[key.name] = key
        return str(facts["body"])

    # Disk -----------------------------------------------------------------------------------

    def _metadata_path(self, bucket: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self.root / bucket / f"{digest}.json"

    def _adopt(self, key: FakeKey, path: Path) -> None:
        """Let the key read its body from disk; the file goes when nothing can read it any more."""
        key._value_buffer.close()
        body = DiskBody(path)
        key._value_buffer = body  # type: ignore[assignment]
        weakref.finalize(body, _unlink_if_replaced, str(path), self._live_bodies)
        self._live_bodies.add(str(path))

    def _write(self, bucket: str, key: FakeKey) -> None:
        backend = s3_backends[key.account_id][key.partition]
        body = key._value_buffer
        previous = self._stored.setdefault(bucket, {}).get(key.name)
        if isinstance(body, DiskBody):
            path = body.path
        else:
            etag = key.etag.strip('"')
            path = self.root / bucket / f"body-{uuid.uuid4().hex}"
            write_atomically(path, key.value)
            key._etag = etag
            self._adopt(key, path)
        facts = {
            "key": key.name,
            "body": path.name,
            "size": key.contentsize,
            "etag": key.etag.strip('"'),
            "modified": key.last_modified.isoformat(),
            "storage": key._storage_class,
            "version": key.version_id,
            "encryption": key.encryption,
            "checksum": key.checksum_value,
            "algorithm": key.checksum_algorithm,
            "metadata": dict(key.metadata),
            "tags": backend.tagger.get_tag_dict_for_resource(key.arn),
        }
        write_atomically(self._metadata_path(bucket, key.name), json.dumps(facts).encode())
        self._stored[bucket][key.name] = key
        if previous is not None and previous is not key:
            self._release(previous)

    def _forget(self, bucket: str, key: str) -> None:
        self._metadata_path(bucket, key).unlink(missing_ok=True)
        previous = self._stored.get(bucket, {}).pop(key, None)
        if previous is not None:
            self._release(previous)

    def _release(self, key: FakeKey) -> None:
        body = key._value_buffer
        if isinstance(body, DiskBody):
            self._live_bodies.discard(str(body.path))

    def setting(self, bucket: str, name: str) -> str | None:
        """A bucket's setting as it was put, or None."""
        return self._settings(bucket).get(name) if bucket else None

    def _settings(self, bucket: str) -> dict[str, str]:
        path = self.root / bucket / "bucket.json"
        settings: dict[str, str] = json.loads(path.read_text())["settings"] if path.exists() else {}
        return settings

    def _write_bucket(self, bucket: FakeBucket, settings: dict[str, str]) -> None:
        facts = {
            "name": bucket.name,
            "account": bucket.account_id,
            "region": bucket.region_name,
            "created": bucket.creation_date.isoformat(),
            "settings": settings,
        }
        path = self.root / bucket.name / "bucket.json"
        write_atomically(path, json.dumps(facts, indent=1).encode())


def _unlink_if_replaced(path: str, live: set[str]) -> None:
    # At exit every finalizer runs: only bodies that were replaced or deleted may go.
    if path not in live:
        Path(path).unlink(missing_ok=True)
