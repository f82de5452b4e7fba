"""`manage.py provision_aws`: make what model calls need, in every Region in use."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bedrock.provisioning import abilities_set, provision
from bedrock.roles import roles_ensure, roles_shown
from tenants.context import PublicRole


class Command(BaseCommand):
    """Runs at every start and after a deployment; without anything to do it takes a moment."""

    help = "Make roles, buckets, invocation logging, guardrails and profiles that are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--region",
            action="append",
            default=[],
            help="A Region to prepare; may be given several times. Default: all in use.",
        )
        parser.add_argument(
            "--roles",
            choices=("ensure", "check", "show", "leave"),
            default="ensure",
            help="IAM roles: make and mend them; only say what differs, and fail if anything does;"
            " print their documents; or leave them alone, for a process that may not read IAM.",
        )
        parser.add_argument(
            "--abilities",
            choices=("full", "extractive"),
            help="What the text models behind the endpoint can do: a model that only quotes can"
            " neither translate nor change tone. Default: as the rows say.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["roles"] == "show":
            self.stdout.write(roles_shown())
            return
        if options["roles"] == "check":
            differing = roles_ensure(mend=False)
            if differing:
                raise CommandError("\n".join(differing))
            self.stdout.write("The roles are as their documents say.")
            return
        right: PublicRole = "owner" if os.environ.get("DATABASE_LOGIN") == "owner" else "staff"
        if options["abilities"]:
            abilities_set(right, extractive=options["abilities"] == "extractive")
        made = 0
        for line in provision(options["region"], right, roles=options["roles"] == "ensure"):
            made += 1
            self.stdout.write(line)
        if not made:
            self.stdout.write("AWS has everything that the product needs.")
