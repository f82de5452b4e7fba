"""Every way into the product, found in its own registries, and those that have no row."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from assistant.clientframes import MEMBERS
from assistant.consumers import AssistantConsumer
from assistant.routing import websocket_urlpatterns
from config import urls_public as urls_public  # the admin's pages are known with its addresses
from config.celery import app as celery
from config.stack.options import REPOSITORY
from tests.isolation import admintable, elsewheretable, table

PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")
# REST that takes files, as forms.
UPLOADS: Final = {
    "api/v1/documents/", "api/v1/documents/<uuid:document_id>/versions/",
    "api/v1/conversations/<uuid:conversation_id>/attachments/",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One way in: of a kind, with the name that its row has."""

    kind: str
    name: str
    method: str = ""
    needs: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.method} {self.name}".replace("  ", " ")

    @property
    def api(self) -> bool:
        return self.name.startswith("api/") and self.name != "api/v1/docs/"

    @property
    def form(self) -> bool:
        """Return whether it takes forms instead of JSON."""
        return self.method == "POST" and (not self.api or self.name in UPLOADS)

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.name)


def patterns(urlconf: str) -> Iterator[tuple[str, Any]]:
    """Yield every route of a URLconf with its view."""
    yield from _walk(get_resolver(urlconf).url_patterns, "")


def _walk(found: list[Any], before: str) -> Iterator[tuple[str, Any]]:
    for each in found:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _walk(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            yield route, each


def tenant_routes() -> dict[str, Any]:
    """Return the routes of a tenant's host."""
    return {route: pattern.callback for route, pattern in patterns(settings.ROOT_URLCONF)}


def public_routes() -> dict[str, str]:
    """Return the public host's routes with their names."""
    return {
        route: str(pattern.name)
        for route, pattern in patterns(settings.PUBLIC_SCHEMA_URLCONF)
    }  # fmt: skip


def frames() -> set[str]:
    """Return the types of frames that the socket reads or handles."""
    return {*MEMBERS, *AssistantConsumer.handlers}


def sockets() -> set[str]:
    return {str(pattern.pattern) for pattern in websocket_urlpatterns}


def tasks() -> set[str]:
    """Return the product's Celery tasks, without those that tests declare."""
    celery.loader.import_default_modules()
    celery.finalize()
    return {name for name in celery.tasks if not name.startswith(("celery.", "tests."))}


def commands() -> set[str]:
    """Return the management commands that stand in this repository."""
    own = {config.name for config in apps.get_app_configs() if _in_house(config.path)}
    return {name for name, place in get_commands().items() if place in own}


def _in_house(path: str) -> bool:
    return path.startswith(f"{REPOSITORY}/") and "site-packages" not in path


def admin_models() -> dict[str, Any]:
    """Return the models that staff see, with their admins."""
    return {model._meta.label: of for model, of in admin.site._registry.items()}


def missing(
    what: str, found: set[str] | Mapping[str, Any], rows: set[str] | Mapping[str, Any], add: str
) -> list[str]:
    """Return a sentence for each entry without a row, and for each row without an entry."""
    return [
        f"{what} {name!r} is in no table: {add}" for name in sorted(set(found) - set(rows))
    ] + [
        f"{what} {name!r} has a row and no longer exists: take its row out of tests/isolation."
        for name in sorted(set(rows) - set(found))
    ]  # fmt: skip


def undeclared() -> list[str]:
    """Return what stands in the product and in no table, and the reverse; empty when complete."""
    at = "to tests/isolation/table.py add"
    there = "to tests/isolation/elsewheretable.py add"
    said = missing(
        "The route", tenant_routes(), table.ROUTES,
        f"{at} to ROUTES each of its methods with the lowest role that may use it.",
    )  # fmt: skip
    for route in tenant_routes():
        for name in PARAMETER.findall(route):
            if name not in table.PARAMETERS:
                said.append(
                    f"The route {route!r} names {name!r}: {at} it to PARAMETERS, and to"
                    " tests/isolation/world.py another tenant's and a colleague's."
                )
    said += missing(
        "The public route", set(public_routes()) - admin_model_routes(), admintable.PUBLIC,
        "to tests/isolation/admintable.py add it to PUBLIC with who may see it.",
    )  # fmt: skip
    said += missing("The frame", frames(), elsewheretable.FRAMES,
                    f"{there} it to FRAMES with its member that names an object.")  # fmt: skip
    said += missing(
        "The socket", sockets(), elsewheretable.SOCKETS, f"{there} its address to SOCKETS."
    )
    said += missing("The task", tasks(), elsewheretable.TASKS,
                    f"{there} it to TASKS with what its arguments name.")  # fmt: skip
    said += missing("The command", commands(), elsewheretable.COMMANDS,
                    f"{there} it to COMMANDS with how it is given a workspace.")  # fmt: skip
    said += missing(
        "The staff model", admin_models(), admintable.MODELS,
        "to tests/isolation/admintable.py add it to MODELS with what staff may do with it.",
    )  # fmt: skip
    return said


def admin_model_routes() -> set[str]:
    """Return the admin's routes that every model has by itself."""
    routes = set()
    for model in admin.site._registry:
        base = f"admin/{model._meta.app_label}/{model._meta.model_name}/"
        usual = ("", "add/", "<path:object_id>/history/", "<path:object_id>/delete/",
                 "<path:object_id>/change/", "<path:object_id>/")  # fmt: skip
        routes |= {base + end for end in usual}
    return routes


def entries() -> list[Entry]:
    """Return every entry that has a row."""
    found = [
        Entry("route", route, method, needs)
        for route, methods in table.ROUTES.items()
        for method, needs in (methods or {"GET": "nowhere"}).items()
    ]
    found += [Entry("public", route, "GET", who) for route, who in admintable.PUBLIC.items()]
    found += [Entry("frame", name) for name in elsewheretable.FRAMES]
    found += [Entry("socket", name) for name in sorted(elsewheretable.SOCKETS)]
    found += [Entry("task", name) for name in elsewheretable.TASKS]
    found += [Entry("command", name) for name in elsewheretable.COMMANDS]
    found += [Entry("staff model", name) for name in admintable.MODELS]
    return found
