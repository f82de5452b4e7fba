"""`manage.py create_workspace`: make a workspace from the command line."""

import argparse
import os
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants.lifecycle.onboarding import tenant_create
from tenants.naming import one_line
from tenants.registry.models import Posture, Retrieval, Tenant


class Command(BaseCommand):
    """Make a workspace, or finish one whose making was cut off (owner's login)."""

    help = "Make a workspace with its schema, role and owner."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug", help="the workspace's subdomain: letters, digits, hyphens")
        parser.add_argument("--name", required=True)
        parser.add_argument("--owner-email", required=True)
        parser.add_argument("--owner-name", default="")
        parser.add_argument("--plan", default="trial")
        parser.add_argument("--posture", choices=Posture.values, default="general")
        parser.add_argument("--region", default="us-east-1")
        parser.add_argument("--retrieval", choices=Retrieval.values, default="schema")

    def handle(self, *_: Any, **options: Any) -> None:
        slug, name = options["slug"].lower(), one_line(options["name"])
        try:
            Tenant(slug=slug, name=name, schema_name=f"t_{slug}").clean_fields()
        except ValidationError as error:
            raise CommandError(_told(slug, error)) from error
        tenant = tenant_create(
            slug=slug,
            name=name,
            host=f"{slug}.{settings.BASE_HOST}",
            owner_email=options["owner_email"],
            owner_password=os.environ.get("OWNER_PASSWORD"),
            owner_name=options["owner_name"],
            plan=options["plan"],
            posture=options["posture"],
            region=options["region"],
            retrieval=options["retrieval"],
        )
        self.stdout.write(f"{tenant.slug} is ready ({tenant.schema_name}).")


def _told(slug: str, error: ValidationError) -> str:
    if "name" in error.message_dict:
        return "Give the workspace a name of 1 to 120 characters that can be seen, by --name."
    return f"{slug!r} cannot be a workspace's address: {'; '.join(error.messages)}"
