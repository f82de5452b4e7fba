"""Sums of an invoice as its reader's country writes them. The currency stays USD."""

from decimal import Decimal
from typing import Final

# Separators of thousands and decimals, and the pattern, as CLDR has them.
LOCALES: Final = {
    "en-US": ("English (United States)", ",", ".", "$%s"),
    "en-GB": ("English (United Kingdom)", ",", ".", "US$%s"),
    "de-DE": ("Deutsch (Deutschland)", ".", ",", "%s $"),
    "fr-FR": ("Français (France)", " ", ",", "%s $US"),
    "es-ES": ("Español (España)", ".", ",", "%s US$"),
    "it-IT": ("Italiano (Italia)", ".", ",", "%s USD"),
    "nl-NL": ("Nederlands (Nederland)", ".", ",", "US$ %s"),
    "de-CH": ("Deutsch (Schweiz)", "’", ".", "$ %s"),
    "ja-JP": ("日本語 (日本)", ",", ".", "$%s"),
}


def money_in(locale: str, amount: Decimal) -> str:
    """Return dollars and cents in the form of a locale; an unknown one is written as en-US."""
    _, thousands, point, pattern = LOCALES.get(locale, LOCALES["en-US"])
    whole, _, cent = f"{abs(amount):,.2f}".partition(".")
    text = pattern % f"{whole.replace(',', thousands)}{point}{cent}"
    return f"−{text}" if amount < 0 else text
