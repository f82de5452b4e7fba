"""The rate card as readers look through it: by provider, then by model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from django import template
from django.utils.translation import gettext_lazy as _

from bedrock.names import called, model_names
from billing.catalog import PriceTerms
from billing.units import Unit

register = template.Library()

PROVIDERS: Final = {"amazon": "Amazon", "anthropic": "Anthropic", "cohere": "Cohere"}
SERVICES: Final = _("Services beside the models")
NO_MODELS: Final = ("amazon.bedrock-", "amazon.s3")
FIRST: Final = (Unit.INPUT, Unit.OUTPUT, Unit.EMBEDDING, Unit.RERANK)  # what a closed row tells
OPENED: Final = 3  # models that are shown with all their prices at once, where so few were found


@dataclass(frozen=True, slots=True)
class Priced:
    """A model, its prices, and the one or two of them that are asked for first."""

    id: str
    name: str
    prices: list[PriceTerms] = field(default_factory=list)

    @property
    def first(self) -> list[PriceTerms]:
        """Return the usual prices by the usual way; none where the model has others alone."""
        usual = [price for unit in FIRST for price in self.prices if price.unit == unit]
        return [price for price in usual if price.route == usual[0].route]

    def matches(self, words: Iterable[str], provider: str) -> bool:
        text = f"{self.id} {self.name} {provider}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader asked for: models by their providers, and whether they are few."""

    groups: dict[str, list[Priced]]
    count: int
    opened: bool


@register.simple_tag
def price_groups(prices: Iterable[PriceTerms], query: str) -> Found:
    """Group the prices by provider and model; only of those in which every word of `query` is."""
    names, words = model_names(), query.casefold().split()
    models: dict[str, Priced] = {}
    for price in prices:
        if price.model not in models:
            models[price.model] = Priced(price.model, called(names, price.model))
        models[price.model].prices.append(price)
    groups: dict[str, list[Priced]] = {}
    for model in models.values():
        provider = _provider_of(model.id)
        if model.matches(words, provider):
            groups.setdefault(provider, []).append(model)
    if str(SERVICES) in groups:  # behind the models
        groups[str(SERVICES)] = groups.pop(str(SERVICES))
    count = sum(map(len, groups.values()))
    return Found(groups, count, opened=bool(words) and count <= OPENED)


def _provider_of(model_id: str) -> str:
    if model_id.startswith(NO_MODELS):
        return str(SERVICES)
    provider = model_id.partition(".")[0]
    return PROVIDERS.get(provider, provider.capitalize())
