"""`manage.py move_retrieval --tenant acme --to kb_shared`: change where vectors are looked up."""

import os
import time
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from search.moving import move_finish, move_start, move_step
from tenants.context import PublicRole, entered, public_scope
from tenants.errors import TenantryError
from tenants.registry.models import Retrieval, Status, Tenant

LOOK_EVERY: Final = 0.3  # seconds


class Command(BaseCommand):
    """Can be stopped and run again: it goes on where it was. The old target serves meanwhile."""

    help = "Move a workspace's vectors to another retrieval target."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="The workspace's short name.")
        parser.add_argument("--to", required=True, choices=Retrieval.values)

    def handle(self, *args: Any, **options: Any) -> None:
        right: PublicRole = "owner" if os.environ.get("DATABASE_LOGIN") == "owner" else "staff"
        with public_scope(right):
            found = Tenant.objects.filter(slug=options["tenant"], status=Status.ACTIVE).first()
        if found is None:
            raise CommandError(f"There is no active workspace {options['tenant']}.")
        tenant = found.context
        try:
            move = move_start(tenant, options["to"], right=right)
        except TenantryError as error:
            raise CommandError(error.detail) from error
        if move is None:
            self.stdout.write(f"{tenant.slug} is in {options['to']} already.")
            return
        said = None
        while left := self._step(tenant, move):
            if left != said:
                self.stdout.write(f"{left} passages to go")
                said = left
            time.sleep(LOOK_EVERY)
        move_finish(tenant, move, right=right)
        self.stdout.write(f"{tenant.slug} is in {options['to']} now.")

    def _step(self, tenant: Any, move: Any) -> int:
        try:
            with entered(tenant):
                return move_step(move)
        except TenantryError as error:
            if not error.retryable:
                raise CommandError(error.detail) from error
            return 1
