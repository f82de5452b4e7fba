"""`manage.py verify_audit`: check that workspaces' audit logs are whole."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.accounts.sealing import audit_check
from tenants.context import entered, public_scope
from tenants.registry.models import Status, Tenant


class Command(BaseCommand):
    """Recompute every seal of one workspace, or of all; exit status 1 where one does not fit."""

    help = "Check the audit log's seals of one workspace, or of all."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug", nargs="?", help="the workspace; all without it")

    def handle(self, *_: Any, **options: Any) -> None:
        with public_scope("app_public"):
            tenants = Tenant.objects.exclude(status=Status.DELETED).order_by("slug")
            if options["slug"]:
                tenants = tenants.filter(slug=options["slug"].lower())
            found = [tenant.context for tenant in tenants]
        if not found:
            raise CommandError("There is no such workspace.")
        broken = 0
        for tenant in found:
            with entered(tenant):
                check = audit_check()
            if check.sound:
                told = f"whole, {check.rows} entries under {check.seals} seals"
            else:
                broken += 1
                place = f" Entries {check.first_id} to {check.last_id}." if check.last_id else ""
                told = f"BROKEN. {check.wrong}{place}"
            self.stdout.write(f"{tenant.slug}: {told}; {check.unsealed} not sealed yet.")
        if broken:
            raise CommandError(f"{broken} of {len(found)} audit logs are not whole.")
