"""Sums and language of an invoice as its reader's country has them. The currency stays USD."""

from decimal import Decimal
from typing import Final

from django.conf import settings

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


def language_in(locale: str) -> str:
    """Return the language of an invoice's own texts: the locale's, or English where we lack it."""
    language = locale.partition("-")[0]
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def locale_of(language: str) -> str:
    """Return the first locale of a language, en-US where there is none."""
    return next((key for key in LOCALES if key.partition("-")[0] == language), "en-US")


def money_in(locale: str, amount: Decimal) -> str:
    """Return dollars and cents in the form of a locale; an unknown one is written as en-US."""
    _, thousands, point, pattern = LOCALES.get(locale, LOCALES["en-US"])
    whole, _, cent = f"{abs(amount):,.2f}".partition(".")
    text = pattern % f"{whole.replace(',', thousands)}{point}{cent}"
    return f"−{text}" if amount < 0 else text
