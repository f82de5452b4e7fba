"""Personal data by pattern and checksum, and names and addresses by stated heuristics."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One entity of one type at a place in a text."""

    type: str
    start: int
    end: int
    match: str


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d)
               for i, d in enumerate(reversed(digits))]  # fmt: skip
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    flat = re.sub(r"\s", "", text).upper()
    if not 15 <= len(flat) <= 34:
        return False
    moved = flat[4:] + flat[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _ssn(text: str) -> bool:
    area, group, serial = re.split(r"[- ]", text)
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    if not 8 <= len(digits) <= 15:
        return False
    formatted = text.startswith(("+", "(")) or bool(re.search(r"\d[ .\-/]\d", text))
    looks_dated = re.fullmatch(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}", text)
    return formatted and not looks_dated and not _is_ip(text)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _nhs(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    check = 11 - sum(d * (10 - i) for i, d in enumerate(digits[:9])) % 11
    return (0 if check == 11 else check) == digits[9]


def _sin(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)]
    return digits[0] not in (0, 8) and sum(doubled) % 10 == 0


def _routing(text: str) -> bool:
    d = [int(c) for c in text]
    weighted = 3 * (d[0] + d[3] + d[6]) + 7 * (d[1] + d[4] + d[7]) + d[2] + d[5] + d[8]
    return weighted > 0 and weighted % 10 == 0


_LABEL = r"\s*(?:is|was|no\.?|number|code|#|:|=)?\s*(?:is|:|=|#)?\s*"
_NAME_PART = r"[A-ZÀ-Þ][a-zà-ÿ'’-]+"
_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Way|"
    r"Place|Pl|Terrace|Highway|Hwy|Parkway|Pkwy)"
)

# (type, pattern, group that holds the entity, further check)
_RULES: list[tuple[str, str, int, Callable[[str], bool] | None]] = [
    ("EMAIL", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", 0, None),
    ("URL", r"\b(?:https?://|ftp://|www\.)[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]", 0, None),
    ("CREDIT_DEBIT_CARD_NUMBER", r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])", 0, _luhn),
    ("INTERNATIONAL_BANK_ACCOUNT_NUMBER",
     r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
     0, _iban),
    ("US_SOCIAL_SECURITY_NUMBER", r"(?<![\d-])\d{3}[- ]\d{2}[- ]\d{4}(?![\d-])", 0, _ssn),
    ("US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", r"(?<![\d-])9\d{2}[- ](?:5\d|6[0-5]|7\d|8[0-8]|"
     r"9[0-24-9])[- ]\d{4}\b",
     0, None),
    ("IP_ADDRESS", r"(?<![\w.:])(?:\d{1,3}\.){3}\d{1,3}(?![\w:]|\.\d)|(?<![\w:])"
     r"(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:])",
     0, _is_ip),
    ("MAC_ADDRESS", r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b", 0, None),
    ("AWS_ACCESS_KEY", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b", 0, None),
    ("AWS_SECRET_KEY", r"(?i)secret(?:[ _-]?access)?[ _-]?key\W{1,4}([A-Za-z0-9/+]{40})"
     r"(?![A-Za-z0-9/+=])",
     1, None),
    ("PHONE", r"(?<![\w.-])(?:\+\d{1,3}[ .\-/]?)?(?:\(\d{1,5}\)[ .\-/]?)?"
     r"\d{1,5}(?:[ .\-/]?\d{2,5}){1,4}(?![\w-])",
     0, _phone),
    ("CREDIT_DEBIT_CARD_CVV", rf"(?i)\b(?:cvv2?|cvc2?|security code){_LABEL}(\d{{3,4}})"
     rf"\b", 1, None),
    ("CREDIT_DEBIT_CARD_EXPIRY", r"(?i)\b(?:exp(?:iry|ires|iration)?(?: date)?|valid (?:thru|"
     r"until))\W{0,3}"
     r"((?:0[1-9]|1[0-2])\s?/\s?(?:20)?\d{2})\b", 1, None),
    ("PASSWORD", r"(?i)\b(?:password|passwd|pwd|passphrase)\s*(?:is|:|=)\s*(\S{4,}?)[.,;]?(?=\s|"
     r"$)", 1, None),
    ("PIN", rf"\b(?:PIN|pin code){_LABEL}(\d{{4,8}})\b", 1, None),
    ("USERNAME", r"(?i)\b(?:user ?name|login|user id)\s*(?:is|:|=)\s*([A-Za-z0-9._@-]{3,})"
     r"\b", 1, None),
    ("AGE", r"(?i)\b(?:aged?|age:?)\s+(\d{1,3})\b|\b\d{1,3}[- ]years?[- ]old\b", 0, None),
    ("SWIFT_CODE", r"(?i:\b(?:swift|bic)(?: code)?\W{1,4})([A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)"
     r"\b", 1, None),
    ("US_BANK_ROUTING_NUMBER", rf"(?i)\b(?:routing|aba)(?: number)?{_LABEL}(\d{{9}})"
     rf"\b", 1, _routing),
    ("US_BANK_ACCOUNT_NUMBER", rf"(?i)\b(?:bank )?account{_LABEL}(\d{{8,17}})\b", 1, None),
    ("US_PASSPORT_NUMBER", rf"(?i)\bpassport{_LABEL}([A-Z]?\d{{8,9}})\b", 1, None),
    ("DRIVER_ID", rf"(?i)\bdriver'?s? (?:license|licence|id){_LABEL}([A-Z0-9-]*\d[A-Z0-9-]{{4,}})"
     rf"\b", 1, None),
    ("LICENSE_PLATE", rf"(?i)\b(?:license|licence|number)"
     rf" plate{_LABEL}([A-Z0-9]{{1,4}}[ -]?[A-Z0-9]{{2,5}})\b",
     1, None),
    ("VEHICLE_IDENTIFICATION_NUMBER", rf"(?i)\bvin{_LABEL}([A-HJ-NPR-Z0-9]{{17}})\b", 1, None),
    ("UK_NATIONAL_INSURANCE_NUMBER", r"\b(?!BG|GB|NK|KN|TN|NT|ZZ)"
     r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
     0, None),
    ("UK_NATIONAL_HEALTH_SERVICE_NUMBER", rf"(?i)\bnhs{_LABEL}(\d{{3}} ?\d{{3}} ?\d{{4}})"
     rf"\b", 1, _nhs),
    ("UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", rf"(?i)\b(?:utr|taxpayer reference){_LABEL}(\d{{10}})"
     rf"\b", 1, None),
    ("CA_SOCIAL_INSURANCE_NUMBER", rf"(?i)\b(?:sin|social insurance){_LABEL}"
     rf"(\d{{3}}[- ]?\d{{3}}[- ]?\d{{3}})\b",
     1, _sin),
    ("CA_HEALTH_NUMBER", rf"(?i)\bhealth (?:card|number|"
     rf"insurance){_LABEL}(\d{{4}}[- ]?\d{{3}}[- ]?\d{{3}})\b",
     1, None),
    ("NAME", rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Herr|Frau)"
     rf"\.? ({_NAME_PART}(?: {_NAME_PART})?)", 1, None),
    ("NAME", rf"(?i:\b(?:my name is|i am called|name:|signed by|yours sincerely,|patient:?|"
     rf"full name:?)\s+)"
     rf"({_NAME_PART}(?: {_NAME_PART}){{0,2}})", 1, None),
    ("ADDRESS", rf"\b\d{{1,5}}[A-Za-z]? (?:{_NAME_PART} ){{1,3}}{_STREET}\b\.?"
     r"(?:,? (?:Apt|Suite|Unit|Floor)"
     r"\.? ?\w+)?(?:,\s*[A-ZÀ-Þ][\w'’. -]+?(?:,\s*[A-Z]{2})?\s+\d{4,5}(?:-\d{4})?)?",
     0, None),
    ("ADDRESS", rf"\b{_NAME_PART}(?:straße|strasse|gasse|weg|platz|allee) \d{{1,4}}[a-z]?\b"
     r"(?:,\s*\d{4,5} [A-ZÀ-Þ][\w-]+)?", 0, None),
]  # fmt: skip

_Rule = tuple[str, re.Pattern[str], int, Callable[[str], bool] | None]
_COMPILED: list[_Rule] = [
    (kind, re.compile(pattern), group, check) for kind, pattern, group, check in _RULES
]


def find(text: str, types: set[str]) -> list[Finding]:
    """Entities of the wanted types, in order, without overlaps; earlier rules win."""
    if not any(True for rule in _COMPILED if rule[0] in types for _ in _found(text, rule)):
        return []  # the rest only takes places away from what is wanted
    taken: list[Finding] = []
    for rule in _COMPILED:
        for one in _found(text, rule):
            if not any(one.start < other.end and other.start < one.end for other in taken):
                taken.append(one)
    return sorted((f for f in taken if f.type in types), key=lambda f: f.start)


def _found(text: str, rule: _Rule) -> Iterator[Finding]:
    kind, pattern, group, check = rule
    for found in pattern.finditer(text):
        at = group if group and found[group] else 0
        if check is None or check(found[at]):
            yield Finding(kind, *found.span(at), found[at])


def masked(text: str, spans: Iterator[tuple[int, int, str]]) -> str:
    """The text with each (start, end) replaced by its `{LABEL}`."""
    for start, end, label in sorted(spans, reverse=True):
        text = f"{text[:start]}{{{label}}}{text[end:]}"
    return text
