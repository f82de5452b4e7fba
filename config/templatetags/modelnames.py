"""Models as people call them, on pages that have their ids."""

import time
from collections.abc import Mapping
from typing import Final

from django import template

from bedrock.models import Model

register = template.Library()

# What is priced like a model and is none.
SERVICES: Final = {
    "amazon.bedrock-guardrails": "Bedrock Guardrails",
    "amazon.bedrock-knowledge-bases": "Bedrock Knowledge Bases",
}
KEPT_SECONDS: Final = 60.0  # that a process knows the names it has read; staff seldom change one
_read: list[tuple[float, Mapping[str, str]]] = []


@register.simple_tag
def model_names() -> Mapping[str, str]:
    """Return the names of models by their ids, the same for every workspace."""
    if not _read or time.monotonic() - _read[0][0] > KEPT_SECONDS:
        names = SERVICES | dict(Model.objects.values_list("model_id", "name"))
        _read[:] = [(time.monotonic(), names)]
    return _read[0][1]


@register.filter
def called(names: Mapping[str, str], model_id: str) -> str:
    """Return a model's name, with its service tier after an `@`; its id where it has none.

    A profile's route may stand before the id: `us.anthropic.claude-sonnet-4-6`.
    """
    base, _, tier = model_id.partition("@")
    name = names.get(base) or names.get(base.partition(".")[2]) or base
    return f"{name}, {tier}" if tier else name
