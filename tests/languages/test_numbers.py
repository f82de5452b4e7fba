"""Numbers as a reader's language writes them, and as it types them."""

from decimal import Decimal, InvalidOperation

import pytest
from django.utils import translation

from bedrock import namedtexts
from billing.money import money
from tenants.numbers import typed, written


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [
        ("en", "1,234.5", "1234.5"),
        ("en", " 12.50 ", "12.50"),
        ("de", "1.234,5", "1234.5"),
        ("de", "12,50", "12.50"),
        ("de", "12.50", "12.50"),
        ("de", "1.000.000", "1000000"),
        ("de", "-3,25", "-3.25"),
    ],
)
def test_a_number_is_read_as_its_language_writes_it(language: str, text: str, number: str) -> None:
    with translation.override(language):
        assert typed(text) == Decimal(number)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "12,50"),
        ("en", "1,00,000"),
        ("de", "1.00,000,0"),
        ("de", "1,2.5"),
        ("de", "NaN"),
        ("en", "x"),
    ],
)
def test_what_could_be_two_numbers_is_refused(language: str, text: str) -> None:
    with translation.override(language), pytest.raises(InvalidOperation):
        typed(text)


def test_a_number_is_written_as_the_language_has_it() -> None:
    with translation.override("de"):
        assert written("1,234,567.89") == "1.234.567,89"
        assert written("$0.0025") == "$0,0025"
    with translation.override("en"):
        assert written("1,234.5") == "1,234.5"
        assert money(Decimal("-0.000")) == "$0.00", "a difference of nothing"


def test_a_sum_below_nothing_has_its_minus_before_the_currency() -> None:
    debts = [Decimal("-1234.5"), Decimal("-0.0025")]
    with translation.override("en"):
        assert [money(each) for each in debts] == ["\u2212$1,234.50", "\u2212$0.0025"]
    with translation.override("de"):
        assert [money(each) for each in debts] == ["\u22121.234,50\u00a0$", "\u22120,0025\u00a0$"]


def test_why_a_model_served_is_told_with_numbers_as_the_language_writes_them() -> None:
    tokens = namedtexts.TOKENS % {"tokens": "12,345"}
    grounded = namedtexts.GROUNDED % {"score": "0.41", "least": "0.70"}
    with translation.override("de"):
        assert "12.345 " in namedtexts.reason_told(tokens)
        assert "0,41" in namedtexts.reason_told(grounded)
        assert "0,70" in namedtexts.reason_told(grounded)
    with translation.override("en"):
        assert namedtexts.reason_told(tokens) == tokens
        assert namedtexts.reason_told(grounded) == grounded
