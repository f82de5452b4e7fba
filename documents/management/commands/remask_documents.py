"""`manage.py remask_documents`: mask documents again after a posture's rules have changed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents.tasks import documents_remask
from tenants.context import entered
from tenants.registry.selectors import active_tenants


class Command(BaseCommand):
    """Costs guardrail units for the whole text of every stale document, so nothing does it alone.

    Documents that were never masked are the exception: the recovery task sends them.
    """

    help = "Mask again every document that was masked by other rules than those of today."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", nargs="*", help="Workspaces; default: all that are active and mask."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = {tenant.slug: tenant for tenant in active_tenants()}
        wanted = options["slug"] or sorted(tenants)
        if unknown := [slug for slug in wanted if slug not in tenants]:
            raise CommandError(f"There is no active workspace {', '.join(unknown)}.")
        for slug in wanted:
            with entered(tenants[slug]):
                documents_remask.dispatch()
            self.stdout.write(f"{slug}: sent")
