"""Put the cast's workspaces into the template: `python -m tests.support.build`, as the owner."""

import django

if __name__ == "__main__":
    django.setup()
    from tests.support import cast

    cast.build()
