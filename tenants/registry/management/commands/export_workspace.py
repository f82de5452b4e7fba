"""`manage.py export_workspace`: write everything a workspace owns into one archive."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.context import entered, public_scope
from tenants.lifecycle.export import export_write
from tenants.registry.models import Status, Tenant


class Command(BaseCommand):
    """Export a workspace, a suspended one too (app's login)."""

    help = "Write everything a workspace owns into one ZIP archive."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--to", type=Path, required=True, help="the archive to write")

    def handle(self, *_: Any, **options: Any) -> None:
        with public_scope("app_public"):
            tenant = Tenant.objects.filter(slug=options["slug"].lower()).first()
        if tenant is None or tenant.status == Status.DELETED:
            raise CommandError(f"There is no workspace {options['slug']} to export.")
        path: Path = options["to"]
        if path.exists() and not path.is_file():  # a device would be replaced by the archive
            raise CommandError(f"{path} is no ordinary file: give the archive a name of its own.")
        fresh = path.with_name(f".{path.name}.part")
        with fresh.open("wb") as file, entered(tenant.context):
            count = export_write(file)
        fresh.replace(path)
        self.stdout.write(f"{count} files of {tenant.slug} are in {path}.")
