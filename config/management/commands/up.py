"""`manage.py up`: run the whole product on this machine."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.stack.errors import StackError
from config.stack.options import Options
from config.stack.up import run


class Command(BaseCommand):
    help = "Start and supervise everything the product needs; docs/running.md lists the variables."
    # The database, which the checks may ask, is started by this very command.
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            stack = Options.from_environment(os.environ)
        except StackError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
        sys.exit(run(stack))
