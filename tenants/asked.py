"""Bodies of the REST API: what no operation knows is refused, not passed over.

A misspelt `collection_ids` would otherwise ask everything, and a misspelt `open` make a collection
that everybody reads. What an answer holds and nobody sets, such as `id`, may be sent back.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

TOLD: Final = 10  # unknown names in one refusal
SHOWN: Final = 100  # characters of each
OF_FORMS: Final = frozenset({"csrfmiddlewaretoken"})  # which a page's form may send with a file


class Asked(serializers.Serializer[Any]):
    """What is asked for; a field that is none of its own is refused by name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields and name not in OF_FORMS]
            if unknown:
                told = {str(name)[:SHOWN]: [self._told(str(name))] for name in unknown[:TOLD]}
                raise serializers.ValidationError(told)
        return super().to_internal_value(data)

    def _told(self, name: str) -> str:
        takes = [each for each, field in self.fields.items() if not field.read_only]
        if near := meant(name, takes):
            return _("There is no such field. Did you mean %(near)s?") % {"near": near}
        return _("There is no such field. Send any of: %(takes)s.") % {"takes": ", ".join(takes)}


def meant(name: str, takes: Sequence[str]) -> str | None:
    """Return which of the names that there are a misspelt one may stand for."""
    return next(iter(get_close_matches(name[:SHOWN].lower(), takes, n=1)), None)


class ClosedBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Say the same in the OpenAPI document, of what is sent alone: answers may grow."""

    target_class = Asked
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        if direction == "request":
            schema["additionalProperties"] = False
        return schema
