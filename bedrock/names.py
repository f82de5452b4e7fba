"""Models as people call them, by their ids."""

import time
from collections.abc import Mapping
from typing import Final

from bedrock.models import Model

# What is priced like a model and is none, and models that are priced and not in the catalogue.
SERVICES: Final = {
    "amazon.s3": "Amazon S3",
    "amazon.bedrock-guardrails": "Bedrock Guardrails",
    "amazon.bedrock-knowledge-bases": "Bedrock Knowledge Bases",
    "amazon.nova-2-lite-v1:0": "Amazon Nova 2 Lite",
    "amazon.nova-2-multimodal-embeddings-v1:0": "Amazon Nova 2 Multimodal Embeddings",
    "amazon.nova-2-pro-preview-20251202-v1:0": "Amazon Nova 2 Pro (preview)",
    "amazon.nova-micro-v1:0": "Amazon Nova Micro",
    "amazon.rerank-v1:0": "Amazon Rerank 1.0",
    "anthropic.claude-haiku-5-5": "Claude Haiku 5.5",
    "anthropic.claude-opus-4-8": "Claude Opus 4.8",
    "anthropic.claude-opus-5": "Claude Opus 5",
    "anthropic.claude-opus-5-5": "Claude Opus 5.5",
    "anthropic.claude-sonnet-4-5-20250929-v1:0": "Claude Sonnet 4.5",
    "anthropic.claude-sonnet-5": "Claude Sonnet 5",
    "anthropic.claude-sonnet-5-5": "Claude Sonnet 5.5",
    "cohere.embed-english-v3": "Cohere Embed English v3",
    "cohere.embed-multilingual-v3": "Cohere Embed Multilingual v3",
    "cohere.rerank-v3-5:0": "Cohere Rerank 3.5",
}
KEPT_SECONDS: Final = 60.0  # that a process knows the names it has read; staff seldom change one
_read: list[tuple[float, Mapping[str, str]]] = []


def model_names() -> Mapping[str, str]:
    """Return the names of models by their ids, the same for every workspace."""
    if not _read or time.monotonic() - _read[0][0] > KEPT_SECONDS:
        names = SERVICES | dict(Model.objects.values_list("model_id", "name"))
        _read[:] = [(time.monotonic(), names)]
    return _read[0][1]


def called(names: Mapping[str, str], model_id: str) -> str:
    """Return a model's name, with its service tier after an `@`; its id where it has none.

    A profile's route may stand before the id: `us.anthropic.claude-sonnet-4-6`.
    """
    base, _, tier = model_id.partition("@")
    name = names.get(base) or names.get(base.partition(".")[2]) or base
    return f"{name}, {tier}" if tier else name


def model_told(model_id: str) -> str:
    """Return a model's name; its id where it has none."""
    return called(model_names(), model_id)
