"""One line of a CUR 2.0 export, read with care for what it names: workspace, model, unit.

Millions of lines repeat the same few texts, so that each is read once.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Final
from uuid import UUID

from bedrock.logrecords import SESSION
from bedrock.models import InferenceProfile, Model, PolicyDecision
from bedrock.usagetypes import quantity_of, unit_of
from billing.awscosts import CostLine
from billing.units import GUARDRAIL_KEY, Unit

TENANT_TAG: Final = "TenantId"
MODEL_TAG: Final = "Model"
PRINCIPAL_TAG: Final = f"iamPrincipal/{TENANT_TAG}"
PRODUCT: Final = "(Amazon Bedrock Edition)"
CREDIT: Final = "Credit"
COLUMNS: Final = (
    "identity_line_item_id", "identity_time_interval", "line_item_line_item_type",
    "line_item_currency_code", "line_item_usage_start_date", "line_item_usage_type",
    "line_item_resource_id", "line_item_iam_principal", "line_item_product_code", "product",
    "product_region_code", "resource_tags", "tags", "line_item_usage_amount", "pricing_unit",
    "line_item_unblended_cost", "bill_billing_entity",
)  # fmt: skip
Row = Sequence[str]


def columns_of(header: Sequence[str]) -> Callable[[Sequence[str]], Row]:
    """Return what picks a row's columns in the order of COLUMNS. Raises ValueError for none."""
    places = {name: place for place, name in enumerate(header)}
    if missing := [name for name in COLUMNS if name not in places]:
        raise ValueError(f"the export has no column {', '.join(missing)}")
    return itemgetter(*(places[name] for name in COLUMNS))


@dataclass(slots=True)
class KnownResources:
    """What the product knows of the resources that a bill names; `strange` is what it does not."""

    models: Mapping[str, bool]  # id, whether it embeds
    profiles: dict[str, str]  # ARN, model
    strange: set[str] = field(default_factory=set)
    _read: dict[tuple[str, str, str], tuple[str, Unit | None]] = field(default_factory=dict)

    @classmethod
    def load(cls) -> "KnownResources":
        rows = InferenceProfile.objects.values_list("arn", "model_id")
        return cls({row.model_id: row.max_output == 0 for row in Model.objects.all()}, dict(rows))

    def line_of(self, row: Row) -> CostLine | None:
        """Read one line of an export; None for what is no use of Bedrock.

        Raises ValueError, ArithmeticError for what cannot be read, and for another currency.
        """
        (item, interval, kind, currency, start, usage_type, resource, principal, code, product,
         region, resource_tags, tags, amount, counted_in, cost, entity) = row  # fmt: skip
        if not (
            code == "AmazonBedrock"
            or resource.startswith("arn:aws:bedrock:")
            or PRODUCT in _product_name(product)
        ):
            return None
        if currency != "USD":
            raise ValueError(f"the bill is in {currency or 'no currency'}; the ledger is in USD")
        tenant, by = _tenant(principal, tags, resource_tags)
        model, unit = self._of(resource, usage_type, resource_tags)
        return CostLine(
            line=hashlib.md5(f"{item} {interval}".encode(), usedforsecurity=False).hexdigest(),
            day=_day(start[:10]),
            tenant_id=tenant,
            attributed_by=by,
            region=region[:20],
            model=model,
            usage_type=usage_type[:150],
            unit=unit.value if unit else "",
            quantity=quantity_of(
                Decimal(amount or 0), unit, counted_in=counted_in, usage_type=usage_type
            ),
            usd=Decimal(cost),
            entity=entity[:20],
            kind=kind[:20],
        )

    def _of(self, resource: str, usage_type: str, tags: str) -> tuple[str, Unit | None]:
        key = (resource, usage_type, tags)
        if key not in self._read:
            model = self._model(resource, usage_type, _plain(tags))
            self._read[key] = (model, unit_of(usage_type, embeds=self.models.get(model, False)))
        return self._read[key]

    def _model(self, resource: str, usage_type: str, tags: Mapping[str, str]) -> str:
        """Return the model behind a resource; an ARN that nobody knows is a finding."""
        if "-Guardrail-" in usage_type:
            return GUARDRAIL_KEY
        # A model's id has a colon of its own: `…::foundation-model/amazon.nova-lite-v1:0`.
        kind, _, name = ":".join(resource.split(":")[5:]).partition("/")
        if kind in ("foundation-model", "inference-profile"):
            base = re.sub(r"^(us|eu|apac|jp|au|global)\.", "", name)
            return base[:120]
        if not resource:
            return ""
        if resource not in self.profiles:
            found = (
                PolicyDecision.objects.filter(profile_arn=resource)
                .values_list("model_id", flat=True)
                .first()
            )
            self.profiles[resource] = found or tags.get("usermodel", "")
            if not self.profiles[resource]:
                self.strange.add(resource)
        return self.profiles[resource]


@lru_cache(1000)
def _day(text: str) -> date:
    return date.fromisoformat(text)


@lru_cache(10_000)
def _product_name(product: str) -> str:
    return str(json.loads(product or "{}").get("product_name", ""))


@lru_cache(10_000)
def _plain(tags: str) -> Mapping[str, str]:
    """Return tags by letters alone: the export writes `TenantId` as `user_tenant_id`."""
    found = json.loads(tags or "{}")
    return {re.sub(r"[^a-z0-9]", "", key.lower()): value for key, value in found.items()}


@lru_cache(100_000)
def _tenant(principal: str, tags: str, resource_tags: str) -> tuple[UUID | None, str]:
    """Return whose a line is, and by what: who signed counts before any tag."""
    if found := SESSION.search(principal):
        return UUID(found[1]), "principal"
    tenant, by = tenant_named(str(json.loads(tags or "{}").get(PRINCIPAL_TAG) or ""))
    if tenant is None:
        tenant, _ = tenant_named(_plain(resource_tags).get("usertenantid", ""))
        by = "tag" if tenant else ""
    return tenant, by


def tenant_named(tag: str) -> tuple[UUID | None, str]:
    """Return the workspace that a principal's tag names, and that it does; none for other texts."""
    try:
        return (UUID(tag), "principal") if tag else (None, "")
    except ValueError:
        return None, ""
