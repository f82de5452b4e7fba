"""`manage.py offboard_workspace`: let a workspace leave, and show that nothing of it is left."""

import argparse
import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.context import SYSTEM, entered, public_scope
from tenants.errors import Conflict, LegalHold
from tenants.lifecycle.erasing import erase, leftovers
from tenants.lifecycle.offboarding import WAIT, offboarding_cancel, offboarding_request
from tenants.registry.models import Offboarding, Status, Tenant


class Command(BaseCommand):
    """Ask for an erasure, take it back, carry it out now, or check one (owner's login)."""

    help = "Erase a workspace after its waiting time; --now goes on where a run was cut off."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--now", action="store_true", help="erase at once, without waiting")
        what.add_argument("--cancel", action="store_true", help="take the request back")
        what.add_argument("--check", action="store_true", help="count what is left of it")
        parser.add_argument("--days", type=int, default=WAIT.days, help="the waiting time")

    def handle(self, *_: Any, **options: Any) -> None:
        with public_scope("owner"):
            tenant = Tenant.objects.filter(slug=options["slug"].lower()).first()
        if tenant is None:
            raise CommandError(f"There is no workspace {options['slug']}.")
        if options["check"]:
            self._check(tenant)
        elif options["cancel"]:
            with entered(tenant.context):
                offboarding_cancel(actor=SYSTEM)
            self.stdout.write(f"{tenant.slug} stays.")
        else:
            self._leave(tenant, timedelta(days=0 if options["now"] else options["days"]))

    def _check(self, tenant: Tenant) -> None:
        left = leftovers(tenant.context)
        for name, count in left.items():
            self.stdout.write(f"{name}: {count}")
        if left:
            raise CommandError(f"Something of {tenant.slug} is left.")
        self.stdout.write(f"Nothing of {tenant.slug} is left.")

    def _leave(self, tenant: Tenant, wait: timedelta) -> None:
        with public_scope("owner"):
            asked = Offboarding.objects.filter(
                tenant_id=tenant.id, state__in=["waiting", "running"]
            ).first()
        if asked is None:
            if tenant.status == Status.DELETED:
                raise CommandError(f"{tenant.slug} has been erased already.")
            try:
                with entered(tenant.context):
                    asked = offboarding_request(actor=SYSTEM, wait=wait)
            except LegalHold as error:
                raise CommandError(error.detail) from error
        if wait:
            self.stdout.write(f"{tenant.slug} will be erased on {asked.due_at:%d %B %Y}.")
            return
        try:
            for line in erase(asked):
                self.stdout.write(f"{line.count} {line.what}: {line.where}")
        except (Conflict, LegalHold) as error:
            raise CommandError(error.detail) from error
        document = {"receipt": asked.receipt, "signature": asked.signature}
        self.stdout.write(json.dumps(document, indent=2))
