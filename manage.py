#!/usr/bin/env python
"""Run a management command under the database login that the command needs."""

import os
import sys

# Commands that change schemas run as the owner, in a process of their own; all else as `app`.
OWNER_COMMANDS = {
    "makemigrations",
    "migrate",
    "migrate_schemas",
    "sqlmigrate",
    "showmigrations",
    "create_workspace",
    "provision_aws",
    "seed_demo",
}


def main() -> None:
    """Choose settings and login from the command's name unless the environment already says."""
    if sys.argv[1:] == ["up"]:
        # It starts the servers that the settings ask for, so it comes before them.
        from config.stack.up import main as up

        sys.exit(up())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("DATABASE_LOGIN", "owner")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
