"""`manage.py restore_workspace acme --from acme.dump`: bring one workspace back to a backup."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.context import public_scope
from tenants.errors import TenantryError
from tenants.lifecycle.restoring import restore
from tenants.registry.models import Tenant


class Command(BaseCommand):
    """From a dump of its schema or of the whole database; cut off, it is run again (owner's)."""

    help = "Bring one workspace back to a backup; the others are not touched."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument(
            "--from", type=Path, required=True, dest="backup", help="pg_dump --format=custom"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        backup: Path = options["backup"]
        if not backup.is_file():
            raise CommandError(f"There is no backup {backup}.")
        with public_scope("owner"):
            tenant = Tenant.objects.filter(slug=options["slug"].lower()).first()
        if tenant is None:
            raise CommandError(f"There is no workspace {options['slug']}.")
        try:
            for line in restore(tenant.context, backup):
                self.stdout.write(line)
        except TenantryError as error:
            raise CommandError(f"{error.detail} {tenant.slug} is as it was.") from error
        self.stdout.write(f"{tenant.slug} is back as of the backup.")
