"""`manage.py index_vectors`: make and drop the indexes over workspaces' vectors that are due."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from search.arms import INDEX_FROM
from search.vectorindex import indexes_keep
from tenants.context import public_scope
from tenants.registry.models import Tenant


class Command(BaseCommand):
    """What the schedule does, at once (owner's login); workspaces are served meanwhile."""

    help = "Index the vectors of large workspaces, and drop the indexes of those that shrank."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--tenant", help="the short name of one workspace")

        parser.add_argument(
            "--above", type=int, default=INDEX_FROM, help="index from this many vectors on"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        schema = None
        if options["tenant"]:
            with public_scope("owner"):
                found = Tenant.objects.filter(slug=options["tenant"].lower()).first()
            if found is None:
                raise CommandError(f"There is no workspace {options['tenant']}.")
            schema = found.schema_name
        for kept in indexes_keep(schema, above=options["above"]):
            self.stdout.write(f"{kept.schema}: {kept.vectors} vectors, {kept.done or 'as it was'}")
