"""The tests' settings with one migration more (see `more_migrations`)."""

from config.settings.test import *  # noqa: F403 - settings modules extend each other by name

MIGRATION_MODULES = {"assistant": "tests.bench.more_migrations"}
