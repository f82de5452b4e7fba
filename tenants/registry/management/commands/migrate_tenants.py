"""`manage.py migrate_tenants`: bring `public` and every workspace to the newest migration."""

import argparse
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.lifecycle.migrating import migrate_all


class Command(BaseCommand):
    """Migrate what is behind and nothing else; run it again after a failure (owner's login)."""

    help = "Bring public and every workspace's schema to the newest migration."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--processes", type=int, default=os.cpu_count() or 1, help="schemas at a time"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        failed = []
        for done in migrate_all(processes=max(1, options["processes"])):
            if done.error:
                failed.append(done)
                self.stderr.write(f"{done.schema}: {done.error}")
            elif options["verbosity"]:
                self.stdout.write(f"{done.schema} in {done.seconds:.1f} s")
        if failed:
            raise CommandError(
                f"{failed[0].schema} could not be migrated; no further schema was begun. Mend what"
                " it says above and run this again: it goes on with the rest."
            )
