"""`manage.py reembed`: give documents vectors of the embedding model that serves now."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.tasks import documents_reembed
from tenants.context import entered
from tenants.registry.selectors import active_tenants


class Command(BaseCommand):
    """Start it for one workspace or all; run again after an interruption it does the rest."""

    help = "Embed anew the documents whose vectors are of another model than serves now."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--tenant", help="the workspace's subdomain; all where it is left out")

    def handle(self, *_: Any, **options: Any) -> None:
        slug = options["tenant"]
        found = [tenant for tenant in active_tenants() if slug in (None, tenant.slug)]
        if not found:
            raise CommandError(f"There is no active workspace {slug!r}.")
        for tenant in found:
            with entered(tenant):
                documents_reembed.dispatch()
            self.stdout.write(f"{tenant.slug}: its workers look for what is to be embedded anew.")
