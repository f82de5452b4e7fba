"""`manage.py backup_workspace acme --to acme.dump`: dump one workspace's tables."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.context import public_scope
from tenants.errors import TenantryError
from tenants.lifecycle.restoring import backup_write
from tenants.registry.models import Status, Tenant


class Command(BaseCommand):
    """One consistent dump, while the workspace works (owner's login)."""

    help = "Dump one workspace's tables, to be brought back by restore_workspace."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--to", type=Path, required=True, help="the file to write")

    def handle(self, *_: Any, **options: Any) -> None:
        with public_scope("owner"):
            tenant = Tenant.objects.filter(slug=options["slug"].lower()).first()
        if tenant is None or tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
            raise CommandError(f"There is no workspace {options['slug']} to back up.")
        try:
            backup_write(tenant.context, options["to"])
        except TenantryError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{tenant.slug} is in {options['to']}.")
