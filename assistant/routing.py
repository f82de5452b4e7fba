"""Where sockets lead."""

from collections.abc import Awaitable
from typing import Any

from django.urls import path

from assistant.consumers import AssistantConsumer
from tenants.sockets import refuse

websocket_urlpatterns = [
    path(
        "ws/assistant/<uuid:conversation_id>/",
        AssistantConsumer.serve,  # type: ignore[arg-type] # Django's paths are typed for views
    ),
]


def socket_routed(scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
    """Return what serves the socket of this path, or refuses it where there is none.

    Channels' URLRouter would keep a coroutine and two more copies of the scope for each open one.
    """
    asked = scope["path"].removeprefix(scope["root_path"]).lstrip("/")
    for route in websocket_urlpatterns:
        if found := route.pattern.match(asked):
            serve: Any = route.callback
            return serve(scope, receive, send, **found[2])  # type: ignore[no-any-return]
    return refuse(send)
