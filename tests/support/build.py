"""Put the cast's workspaces into the template: `python -m tests.support.build`, as the owner."""

import importlib
import importlib.util

import django


def main() -> None:
    django.setup()
    if importlib.util.find_spec("tests.support.cast"):
        cast = importlib.import_module("tests.support.cast")
        cast.build()


if __name__ == "__main__":
    main()
