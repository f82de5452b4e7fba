"""The funding pack: what an application for AWS credits asks for, from measured use.

One content, two forms: Markdown to hand in, and a page that prints well. Programs and ceilings are
AWS's of 2026; each application says its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.credits.burning import BurnDown, burn_down
from billing.meters import next_month
from billing.models import AwsCostLine
from billing.money import money
from billing.templatetags.humanize_usage import feature_name

MISSING: Final = "AWS has not billed a whole day yet: there is no use to project from."
MONTHS_AHEAD: Final = 12
GROWTH_AT_MOST: Final = Decimal(100)
PROGRAMS: Final = (
    ("AWS Activate, Portfolio", "up to $100,000", "through a provider: investor, accelerator"),
    ("Bedrock and GenAI proof of concept", "$10,000 to $50,000", "through the AWS account team"),
    ("AWS Generative AI Accelerator", "up to $1,000,000", "by application, in cohorts"),
)
ARCHITECTURE: Final = (
    "A Django application serves every workspace from one deployment. A tenant"
    " is resolved once, on the server, and selects everything else: PostgreSQL schema and role, AWS"
    " credentials (one AssumeRole with session tags), the inference profile, the guardrail and the"
    " Region.",
    "Amazon Bedrock is reached through one gateway: Converse and ConverseStream with application"
    " inference profiles, guardrails on input and output, prompt caching, batch inference for bulk"
    " embedding, and Knowledge Bases or pgvector for retrieval. Amazon S3 holds documents under the"
    " tenant's prefix; CUR 2.0 and Cost Explorer attribute the cost of every workspace.",
    "Every call is reserved before it is sent and settled into an append-only ledger after it,"
    " which is held against AWS's bill each hour.",
)
WORKSPACES: Final = """
    SELECT region, plan, count(*) FROM registry_tenant
     WHERE status = 'active' AND schema_name <> 'public' GROUP BY 1, 2 ORDER BY 1, 2
"""
USED: Final = """
    SELECT feature, model, sum(quantity) FILTER (WHERE unit LIKE '%%\\_tokens')::bigint,
           sum(usd)
      FROM billing_usageday WHERE month = %s AND feature <> 'reconciliation'
     GROUP BY 1, 2 HAVING sum(usd) <> 0 ORDER BY 4 DESC
"""
MONTHS: Final = """
    WITH billed AS (SELECT DISTINCT day FROM billing_awscostline
                     WHERE source = 'cur' AND kind = ANY(%(usage)s))
    SELECT date_trunc('month', day)::date, sum(usd), min(day), max(day)
      FROM billing_awscostline
     WHERE kind = ANY(%(usage)s) AND (source = 'cur' OR day NOT IN (SELECT day FROM billed))
     GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; `figures` names the columns that hold numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    texts: Sequence[str] = ()
    points: Sequence[str] = ()
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """The document. `missing` says what has not been measured yet."""

    title: str
    date: date
    sections: Sequence[Section]
    missing: Sequence[str]

    def as_markdown(self) -> str:
        """Return the whole document as Markdown."""
        lines = [f"# {self.title}", "", f"As of {self.date:%-d %B %Y}, from measured use.", ""]
        for section in self.sections:
            lines += [f"## {section.title}", ""]
            for text in section.texts:
                lines += [text, ""]
            lines += [f"- {point}" for point in section.points]
            if section.points:
                lines.append("")
            if section.table:
                lines += [*_markdown_table(section.table), ""]
        return "\n".join(lines)


def _markdown_table(table: Table) -> list[str]:
    rule = ["---:" if place in table.figures else "---" for place in range(len(table.heads))]
    rows = [table.heads, rule, *table.rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]


def funding_pack(*, growth: Decimal | None = None, today: date | None = None) -> Pack:
    """Return the document; `growth` in percent a month overrules what was measured."""
    state = burn_down(today)
    month = state.today.replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(MONTHS, {"usage": list(AwsCostLine.USAGE)})
        months = cursor.fetchall()
        cursor.execute(WORKSPACES)
        workspaces = cursor.fetchall()
        cursor.execute(USED, [month])
        used = cursor.fetchall()
    base, why_base = _base(months, state)
    percent, why_growth = _growth(months, month, growth)
    missing = [] if base else [MISSING]
    return Pack(
        "Funding pack: generative AI on Amazon Bedrock",
        state.today,
        [
            _workload(workspaces),
            _use(used, month),
            Section("Architecture", ARCHITECTURE),
            _measured(months, state),
            _projection(base, percent, month, [why_base, why_growth], state)
            if base
            else Section("Projection of twelve months", [MISSING]),
            Section(
                "Programs",
                ["Ceilings as AWS publishes them; what is granted is AWS's decision."],
                table=Table(("Program", "Credits", "How"), PROGRAMS),
            ),
        ],
        missing,
    )


def _workload(workspaces: Sequence[Any]) -> Section:
    count = sum(row[2] for row in workspaces)
    return Section(
        "Workload",
        [
            f"A multi-tenant SaaS in which {count:,} active workspaces ask questions of their own"
            " documents, search them, write with them and hold conversations about them. Every"
            " answer is cited, guarded and metered.",
        ],
        [f"{number:,} on {plan} in {region}" for region, plan, number in workspaces],
    )


def _use(used: Sequence[Any], month: date) -> Section:
    return Section(
        "Measured use",
        [
            f"Use in {month:%B %Y} so far, by the ledger:"
            if used
            else f"Nothing has been used in {month:%B %Y} yet.",
        ],
        table=Table(
            ("Feature", "Model", "Tokens", "Cost"),
            [
                (feature_name(feature), model, f"{tokens or 0:,}", money(usd))
                for feature, model, tokens, usd in used
            ],
            frozenset({2, 3}),
        )
        if used
        else None,
    )


def _measured(months: Sequence[Any], state: BurnDown) -> Section:
    return Section(
        "Measured cost",
        [
            f"AWS's bill so far: {money(state.gross)} gross, {money(state.credited)} of it paid by"
            f" {len(state.burns)} credit grants, {money(state.net)} net."
            if months
            else "AWS has delivered no bill yet."
        ],
        table=Table(
            ("Month", "AWS's bill", "From", "To"),
            [
                (f"{first:%B %Y}", money(usd), f"{start:%-d %b}", f"{end:%-d %b}")
                for first, usd, start, end in months
            ],
            frozenset({1}),
        )
        if months
        else None,
    )


def _base(months: Sequence[Any], state: BurnDown) -> tuple[Decimal, str]:
    """Return the monthly cost that the projection begins with."""
    base = state.daily * 365 / 12
    return base, (
        f"A month begins at {money(base.quantize(Decimal('0.000001')))}: {365 / 12:.1f} days at the"
        " mean of the last 28 days that AWS has billed, or of all days where there are fewer."
    )


def _growth(months: Sequence[Any], month: date, given: Decimal | None) -> tuple[Decimal, str]:
    """Return the growth a month in percent, and where it is from."""
    if given is not None:
        return given, f"Growth of {given.normalize():f} % a month is an assumption, not measured."
    whole = [row for row in months if row[0] < month and row[2].day == 1]
    if len(whole) >= 2 and whole[-2][1] > 0:
        found = min(GROWTH_AT_MOST, (whole[-1][1] / whole[-2][1] - 1) * 100)
        found = found.quantize(Decimal("0.1"))
        return found, (
            f"Growth of {found} % a month is that of {whole[-1][0]:%B} over {whole[-2][0]:%B %Y},"
            f" {GROWTH_AT_MOST:f} % at most."
        )
    return Decimal(0), "Two whole months are not measured yet: no growth is assumed."


def _projection(
    base: Decimal, percent: Decimal, month: date, why: Sequence[str], state: BurnDown
) -> Section:
    rows, total, first = [], Decimal(0), month
    left = state.remaining
    for number in range(MONTHS_AHEAD):
        first = next_month(first)
        gross = base * (1 + percent / 100) ** number
        total += gross
        covered = min(left, gross)
        left -= covered
        rows.append((f"{first:%B %Y}", _round(gross), _round(covered), _round(gross - covered)))
    rows.append(("Twelve months", _round(total), _round(state.remaining - left), ""))
    return Section(
        "Projection of twelve months",
        ["What the workload will cost at AWS, before and after the credits that are left."],
        [
            *why,
            "Prices are those of AWS's bill and do not change.",
            "Credits that are left pay first; their expiry and the services they cover are in the"
            " burn-down, not in this table.",
        ],
        Table(("Month", "Gross", "Credits left pay", "Net"), rows, frozenset({1, 2, 3})),
    )


def _round(usd: Decimal) -> str:
    return (
        money(usd.quantize(Decimal("0.01"))) if usd >= 1 else money(usd.quantize(Decimal("1e-6")))
    )
