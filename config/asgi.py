"""The ASGI application: HTTP through Django, sockets through Channels, each entering the seam."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter  # noqa: E402 - after Django's set-up

from assistant.routing import socket_routed  # noqa: E402
from config.bodies import with_bounded_bodies  # noqa: E402
from config.handling import Handler  # noqa: E402
from config.refusals import with_refusals  # noqa: E402
from config.static import with_static  # noqa: E402
from tenants.sockets import TenantSocketMiddleware  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": with_bounded_bodies(with_refusals(with_static(Handler()))),
        "websocket": TenantSocketMiddleware(socket_routed),
    }
)
