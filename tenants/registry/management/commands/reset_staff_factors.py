"""`manage.py reset_staff_factors boss@example.com`: let a member of staff in who lost all."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.accounts.models import User
from tenants.context import SYSTEM, public_scope
from tenants.signin.staffreset import staff_factors_reset


class Command(BaseCommand):
    """Take the second factors of one of staff, the only administrator too (owner's login)."""

    help = "Take the second factors of a member of staff, and end what they have open."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("email", help="of a member of staff, not of a workspace's user")

    def handle(self, *_: Any, **options: Any) -> None:
        with public_scope("owner"):
            user = User.objects.filter(
                email=options["email"].strip().lower(), is_staff=True
            ).first()
            if user is None:
                raise CommandError(f"There is nobody of staff with the address {options['email']}.")
            ended = staff_factors_reset(actor=SYSTEM, user=user)
        self.stdout.write(
            f"{user.email} has no second factor any more; {ended} session(s) ended."
            " The password is as it was: `manage.py changepassword` sets another."
        )
