"""`manage.py move_region --tenant acme --to eu-central-1`: move a suspended workspace."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from search.regions import region_move
from tenants.errors import TenantryError


class Command(BaseCommand):
    """Can be stopped and run again: it goes on where it was (owner's login)."""

    help = "Move a suspended workspace to another Region; run again, it goes on where it was."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="The workspace's short name.")
        parser.add_argument(
            "--to", required=True, help="The Region; the one it is in gives an unfinished move up."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in region_move(options["tenant"].lower(), options["to"]):
                self.stdout.write(line)
        except TenantryError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
