"""A socket of the same shape as the assistant's, on Channels as its documentation sets it up.

`PEER_REDIS` names the channel layer's Redis. Sessions are in cookies, so that no database is kept.
"""

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="measured-only-" + "x" * 40,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "channels",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # Longer than the layer's blocking pop, or its sockets die.
            "CONFIG": {"hosts": [{"address": os.environ["PEER_REDIS"], "socket_timeout": 20}]},
        }
    },
)
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402 - after Django's set-up
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import path  # noqa: E402


class Consumer(AsyncWebsocketConsumer):
    """Joins three groups, as ours does: the workspace's, the user's and the conversation's."""

    async def connect(self) -> None:
        conversation = self.scope["url_route"]["kwargs"]["conversation_id"]
        self.joined = ("workspace.1", "user.1", f"conversation.{conversation}")
        for group in self.joined:
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        for group in self.joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None) -> None:
        await self.send(text_data=text_data)


routes = [path("ws/assistant/<uuid:conversation_id>/", Consumer.as_asgi())]
application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(routes))),
    }
)
