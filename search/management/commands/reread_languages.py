"""`manage.py reread_languages`: read old documents' words in their own language."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from search.tasks import languages_reread
from tenants.context import entered
from tenants.registry.selectors import active_tenants


class Command(BaseCommand):
    """What the schedule does every hour, at once; run again after an interruption it goes on."""

    help = "Read the documents in their own language that were indexed before languages were told."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--tenant", help="the workspace's subdomain; all where it is left out")

    def handle(self, *_: Any, **options: Any) -> None:
        slug = options["tenant"]
        found = [tenant for tenant in active_tenants() if slug in (None, tenant.slug)]
        if not found:
            raise CommandError(f"There is no active workspace {slug!r}.")
        for tenant in found:
            with entered(tenant):
                languages_reread.dispatch()
            self.stdout.write(f"{tenant.slug}: its workers look for what is to be read again.")
