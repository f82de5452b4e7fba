"""Old code goes on while schemas are migrated: a release only adds, the one after takes away.

A migration that takes away says so, `contract = "why nothing reads it any more"`, and is released
after the code that no longer needs it (docs/running.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

OWN = (
    "accounts",
    "webhooks",
    "signin",
    "search",
    "documents",
    "assistant",
)  # the apps of workspaces' schemas
TAKES: tuple[type, ...] = (
    migrations.DeleteModel,
    migrations.RemoveField,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
)
DROPS = re.compile(r"\bDROP\s+(?:TABLE|COLUMN|VIEW|SCHEMA)\b|\bRENAME\b|\bTRUNCATE\b", re.I)
# Older than the rule, made while no release was out.
BEFORE = {
    "assistant.0002_tools_and_actions",
    "assistant.0004_keeping",
    "assistant.0005_summaries",
    "documents.0003_batch_ways",
    "documents.0004_masking",
    "documents.0006_filed_in_collections",
    "search.0003_masking",
    "search.0004_embedding_model",
    "search.0005_collections_with_members",
}


def takes_away(migration: migrations.Migration) -> Iterator[str]:
    """Yield what in a migration code of the release before it could not live with."""
    made = {
        each.name.lower() for each in migration.operations
        if isinstance(each, migrations.CreateModel)
    }  # fmt: skip
    for each in migration.operations:
        operations = (
            each.database_operations
            if isinstance(each, migrations.SeparateDatabaseAndState)
            else [each]
        )
        for operation in operations:
            yield from _taken(operation, made)


def _taken(operation: Any, made: set[str]) -> Iterator[str]:
    model = str(getattr(operation, "model_name", "")).lower()
    if isinstance(operation, TAKES):
        yield operation.describe()
    elif isinstance(operation, migrations.AddField) and model not in made:
        field = operation.field
        if not (field.null or field.many_to_many or field.db_default is not NOT_PROVIDED):
            yield f"{operation.describe()}: required, without a db_default: old code's rows fail"
    elif isinstance(operation, migrations.RunSQL) and DROPS.search(str(operation.sql)):
        yield f"SQL that drops or renames: {str(operation.sql)[:80]}"


def own_migrations() -> list[migrations.Migration]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [each for each in loader.disk_migrations.values() if each.app_label in OWN]


def test_a_migration_takes_nothing_away_unless_it_says_so() -> None:
    told = [
        f"{each.app_label}.{each.name}: {what}"
        for each in own_migrations()
        if not getattr(each, "contract", "") and f"{each.app_label}.{each.name}" not in BEFORE
        for what in takes_away(each)
    ]
    assert told == [], (
        'Add now and take away a release later; then mark the migration `contract = "why"`.'
    )


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField("chunk", "page"),
        migrations.DeleteModel("Chunk"),
        migrations.RenameField("chunk", "page", "leaf"),
        migrations.RenameModel("Chunk", "Piece"),
        migrations.AddField("chunk", "kind", models.CharField(max_length=9)),
        migrations.RunSQL("ALTER TABLE search_chunk DROP COLUMN page"),
    ],
)
def test_what_takes_away_is_found(operation: Any) -> None:
    migration = migrations.Migration("0099_test", "search")
    migration.operations = [operation]
    assert len(list(takes_away(migration))) == 1


def test_what_only_adds_passes() -> None:
    migration = migrations.Migration("0099_test", "search")
    migration.operations = [
        migrations.AddField("chunk", "kind", models.CharField(max_length=9, null=True)),
        migrations.AddField("chunk", "rank", models.IntegerField(db_default=0)),
        migrations.RunSQL("CREATE INDEX a ON search_chunk (page)", "DROP INDEX a"),
    ]
    assert list(takes_away(migration)) == []
