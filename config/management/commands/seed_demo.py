"""`manage.py seed_demo`: the demo workspaces (owner's login)."""

from typing import Any

from django.core.management.base import BaseCommand

from config.demo.seed import demo_seed


class Command(BaseCommand):
    """Make the demo workspaces, or complete them."""

    help = "Make the three demo workspaces with people, keys and documents; write var/demo.json."

    def handle(self, *_: Any, **__: Any) -> None:
        demo_seed(self.stdout.write)
