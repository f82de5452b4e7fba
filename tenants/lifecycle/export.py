"""Everything a workspace owns as one ZIP archive that can be read without us.

`tables/` holds each table of its schema as JSON lines, `documents/` and `objects/` what it stored,
`usage.jsonl` its ledger; apps add what reads better as documents. `manifest.json` lists every file
with its SHA-256.
Secrets (hashes of passwords and keys, sessions) stay out, and so does what is derived from the rest
(search indexes). Runs in the entered tenant, with that tenant's own database role and credentials.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from psycopg import sql

from tenants.context import TenantContext, current
from tenants.objects import DERIVED, object_parts, objects_list

TABLES_OUT: Final = frozenset(
    {
        "django_migrations",
        "django_session",
        "django_content_type",
        "auth_permission",
        "signin_opensession",
        "signin_recoverycode",
        "accounts_keptanswer",
    }
)
COLUMNS_OUT: Final = frozenset(
    {"password", "digest", "secret", "old_secret", "session_key", "lease_token"}
)
EXPORTS: Final = "exports"  # under the tenant's prefix: archives, which no archive holds
ROWS_AT_ONCE: Final = 500
COLUMNS: Final = """
    SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)
    FROM information_schema.columns WHERE table_schema = %s GROUP BY 1 ORDER BY 1
"""
LEDGER: Final = "SELECT * FROM public.billing_ledgerentry"
README: Final = """\
Everything that the workspace {name} ({slug}) owned on {date:%d %B %Y}.

tables/      each table as JSON lines: one row a line, UTF-8
documents/   the files as they were uploaded, by name, with the id that tables/ know each by
conversations/  each conversation as Markdown
texts/       the newest version of each text of Write, as Markdown
objects/     what else was stored
invoices/    each issued invoice as PDF and as CSV
usage.jsonl  every metered amount with its price
manifest.json  every file here with its size and SHA-256

Left out: passwords, keys and recovery codes, of which only hashes exist, sessions, and search
indexes, which can be made again from the documents.
"""

Files = Callable[[], Iterable[tuple[str, bytes]]]
_contributed: dict[str, Files] = {}
_derived: set[str] = set()
Names = Callable[[], Iterable[tuple[str, str]]]
_named: dict[str, Names] = {}


def export_register(name: str, files: Files) -> None:
    """Add files of an app: `files()` yields (path, content) inside the entered tenant."""
    _contributed[name] = files


def names_register(folder: str, names: Names) -> None:
    """Call objects of an app by names: `names()` yields (key, path in the folder) of each."""
    _named[folder] = names


def derived_register(*tables: str) -> None:
    """Leave tables out that can be made again from the rest."""
    _derived.update(tables)


@dataclass(slots=True)
class _Archive:
    """A ZIP being written, with the sums of what is in it."""

    zip: zipfile.ZipFile
    files: list[dict[str, Any]] = field(default_factory=list)

    def add(self, path: str, parts: Iterable[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        with self.zip.open(path, "w", force_zip64=True) as entry:
            for part in parts:
                entry.write(part)
                digest.update(part)
                size += len(part)
        self.files.append({"path": path, "bytes": size, "sha256": digest.hexdigest()})


def export_write(file: BinaryIO) -> int:
    """Write the entered workspace's archive; return how many files it holds. Raises AwsError.

    One snapshot of the database: what changes meanwhile is not half in it.
    """
    tenant = current()
    _stand()  # a transaction's kind is settled before its first statement
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened, transaction.atomic():
        _snapshot()
        archive = _Archive(opened)
        archive.add("README.txt", [_readme(tenant).encode()])
        for table, columns in _tables(tenant):
            archive.add(f"tables/{table}.jsonl", _lines(tenant.schema, table, columns))
        archive.add("usage.jsonl", _rows(sql.SQL(LEDGER)))
        for name, files in _contributed.items():
            for path, content in files():
                archive.add(f"{name}/{path}", [content])
        named = {
            key: f"{folder}/{path}" for folder, names in _named.items() for key, path in names()
        }
        for key in objects_list():
            if key.startswith(f"{DERIVED}/"):
                continue  # made of other objects, which are here
            if key.startswith(f"{EXPORTS}/"):
                continue
            archive.add(named.get(key, f"objects/{key}"), object_parts(key) or [])
        manifest = {"workspace": tenant.slug, "tenant_id": str(tenant.id), "files": archive.files}
        opened.writestr("manifest.json", json.dumps(manifest, indent=2))
    return len(archive.files) + 1


def _stand() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _snapshot() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _readme(tenant: TenantContext) -> str:
    return README.format(name=tenant.name, slug=tenant.slug, date=datetime.now(UTC))


def _tables(tenant: TenantContext) -> list[tuple[str, list[str]]]:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [tenant.schema])
        return [
            (table, [column for column in columns if column not in COLUMNS_OUT])
            for table, columns in cursor.fetchall()
            if table not in TABLES_OUT and table not in _derived
        ]


def _lines(schema: str, table: str, columns: list[str]) -> Iterator[bytes]:
    return _rows(
        sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, table)
        )
    )


def _rows(query: sql.Composable) -> Iterator[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description]
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                line = dict(zip(names, map(_plain, row), strict=True))
                yield json.dumps(line, cls=DjangoJSONEncoder, ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value
