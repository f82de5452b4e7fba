"""`manage.py provision_aws`: make what model calls need, in every Region in use."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bedrock.provisioning import abilities_set, provision
from tenants.context import PublicRole


class Command(BaseCommand):
    """Runs at every start and after a deployment; without anything to do it takes a moment."""

    help = "Make buckets, invocation logging, guardrails and profiles where they are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--region",
            action="append",
            default=[],
            help="A Region to prepare; may be given several times. Default: all in use.",
        )
        parser.add_argument(
            "--abilities",
            choices=("full", "extractive"),
            help="What the text models behind the endpoint can do: a model that only quotes can"
            " neither translate nor change tone. Default: as the rows say.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        right: PublicRole = "owner" if os.environ.get("DATABASE_LOGIN") == "owner" else "staff"
        if options["abilities"]:
            abilities_set(right, extractive=options["abilities"] == "extractive")
        made = 0
        for line in provision(options["region"], right):
            made += 1
            self.stdout.write(line)
        if not made:
            self.stdout.write("AWS has everything that the product needs.")
