"""What a difference means, in words that a member of staff can act on."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from billing.models import ReconciliationLine
from billing.money import all_digits
from billing.reconciliation.cases import Case

Cause = ReconciliationLine.Cause
WHY: Final[Mapping[str, str]] = {
    Cause.EQUAL: "All sides agree.",
    Cause.PENDING: "AWS has delivered nothing of this day yet. It usually does within a day.",
    Cause.LATE: "AWS has billed less so far and may still deliver lines of this day.",
    Cause.MIDNIGHT: "AWS counts it on the neighbouring day; over both days it is the same.",
    Cause.PRICE: "The same usage at another price: add AWS's price to the rate card, or true up.",
    Cause.UNPRICED: "The rate card has no price for it, so that the ledger holds no dollars.",
    Cause.ESTIMATED: "Booked as an upper bound: a call broke off, or its usage is not told.",
    Cause.MISSING: "It was used, by AWS's count, and is not in the ledger.",
    Cause.OVERBOOKED: "The ledger holds more than was used; log and AWS agree on less.",
    Cause.DUPLICATE_LEDGER: "The ledger holds it twice; AWS has it once.",
    Cause.DUPLICATE_BILL: "AWS bills a multiple of what ledger and log hold: ask AWS.",
    Cause.ABSENT: "It is in the ledger, and AWS never billed it.",
    Cause.SHARE: "AWS names nobody for it. Its sum, shared out by the ledger, differs.",
    Cause.DRIFT: "AWS counts differently from the ledger.",
    Cause.UNATTRIBUTED: "AWS bills it, names no workspace, and nobody booked it.",
    Cause.UNKNOWN_TENANT: "AWS names a workspace that does not exist here.",
    Cause.UNKNOWN_USAGE: "The usage type has no unit here: teach it before it grows.",
}
STATE: Final[Mapping[str, str]] = {
    "running": "The true-up is under way.",
    "accepted": "Accepted by staff.",
}


def cause_text(line: ReconciliationLine) -> str:
    """Explain a unit's difference, with its figures where they say more."""
    text = WHY[line.cause]
    if line.cause == Cause.DRIFT and line.ledger_quantity:
        percent = (line.aws_quantity / line.ledger_quantity - 1) * 100
        agrees = (
            " The invocation log agrees with the ledger."
            if line.log_quantity == line.ledger_quantity
            else ""
        )
        return f"AWS bills {percent:+.2f} % against the ledger.{agrees}"
    if line.cause == Cause.PRICE and line.ledger_quantity:
        ours = _per_million(line.ledger_usd, line.ledger_quantity)
        theirs = _per_million(line.aws_usd, line.aws_quantity)
        return f"{text} Ours {ours}, AWS's {theirs} for 1,000,000."
    return text


def _per_million(usd: Decimal, quantity: Decimal) -> str:
    return all_digits((usd * 1_000_000 / quantity).quantize(Decimal("0.000001")))


def state_text(case: Case) -> str:
    """Explain a case in one sentence: its decision, or its heaviest cause."""
    text = STATE.get(case.state)
    if text is not None:
        return text
    shared = " Part of AWS's side is shared out." if case.allocated and case.state == "open" else ""
    return WHY[case.cause] + (shared if case.cause != Cause.SHARE else "")
