"""A line of AWS's bill is taken for what it says, or its file is refused with the reason."""

import json
from typing import Any
from uuid import UUID

import pytest

from bedrock.costlines import COLUMNS, KnownResources, columns_of

SIGNER = UUID("0f2f4c5e-8c5b-4f7a-9f0e-2f0c9a4b7d11")
OTHER = UUID("6c1a2b3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")
LITE = "amazon.nova-lite-v1:0"


def line(**changed: Any) -> list[str]:
    """Return a thousand input tokens of a model, as an export has them."""
    found = {
        "identity_line_item_id": "one",
        "identity_time_interval": "2026-10-01T00:00:00Z/2026-10-01T01:00:00Z",
        "line_item_line_item_type": "Usage",
        "line_item_currency_code": "USD",
        "line_item_usage_start_date": "2026-10-01T00:00:00.000Z",
        "line_item_usage_type": "USE1-NovaLite-input-tokens",
        "line_item_resource_id": f"arn:aws:bedrock:us-east-1::foundation-model/{LITE}",
        "line_item_product_code": "AmazonBedrock",
        "line_item_usage_amount": "1",
        "pricing_unit": "1K tokens",
        "line_item_unblended_cost": "0.00006",
        "bill_billing_entity": "AWS",
    } | changed
    return [found.get(name, "") for name in COLUMNS]


@pytest.fixture
def known() -> KnownResources:
    return KnownResources({LITE: False}, {})


@pytest.mark.parametrize("currency", ["EUR", "XAU", ""])
def test_a_bill_in_another_currency_is_refused(known: KnownResources, currency: str) -> None:
    with pytest.raises(ValueError, match=f"the bill is in {currency or 'no currency'}"):
        known.line_of(line(line_item_currency_code=currency))


def test_an_export_without_a_column_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="no column line_item_unblended_cost"):
        columns_of([name for name in COLUMNS if name != "line_item_unblended_cost"])


@pytest.mark.parametrize("tag", ["globex", "../..", "00000000", "'; DROP TABLE"])
def test_a_tag_that_names_no_workspace_attributes_to_nobody(
    known: KnownResources, tag: str
) -> None:
    found = known.line_of(line(tags=json.dumps({"iamPrincipal/TenantId": tag})))
    assert found is not None
    assert (found.tenant_id, found.attributed_by) == (None, "")
    assert (found.model, found.unit, found.quantity) == (LITE, "input_tokens", 1_000)


def test_who_signed_counts_before_what_tags_say(known: KnownResources) -> None:
    signed = f"arn:aws:sts::123456789012:assumed-role/tenant/tenant-{SIGNER.hex}"
    found = known.line_of(
        line(
            line_item_iam_principal=signed,
            resource_tags=json.dumps({"user_tenant_id": str(OTHER)}),
        )
    )
    assert found is not None
    assert (found.tenant_id, found.attributed_by) == (SIGNER, "principal")


@pytest.mark.parametrize("changed", [{"line_item_usage_amount": "many"},
                                     {"line_item_unblended_cost": ""},
                                     {"line_item_usage_start_date": "yesterday"}])  # fmt: skip
def test_what_cannot_be_read_is_refused(known: KnownResources, changed: dict[str, str]) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        known.line_of(line(**changed))
