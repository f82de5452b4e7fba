"""What staff's lists of money share."""

from decimal import Decimal
from typing import Any, Protocol

from django import forms
from django.contrib import admin
from django.utils.text import capfirst
from unfold.widgets import UnfoldAdminSelectWidget

from billing.catalog import plan_terms
from billing.errors import PlanMissing
from billing.models import Plan
from billing.money import all_digits
from billing.templatetags.humanize_usage import feature_name, unit_name
from tenants.staffpages import Coded, codes_named


def digits(value: Decimal) -> str:
    """Return a number with its thousands apart and no zeros behind its last digit."""
    whole, _, rest = f"{value:,f}".partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def plan_name(code: str) -> str:
    """Return a plan as people call it; one that is gone by its code."""
    try:
        return plan_terms(code).name
    except PlanMissing:
        return code


def unit_told(code: str) -> str:
    """Return a unit as people call it: Guardrail PII units."""
    return capfirst(unit_name(code))


codes_named("plan", plan_name)
codes_named("feature", feature_name)
codes_named("unit", unit_told)


class _Costing(Protocol):
    usd: Decimal | None


class InDollars:
    """Has the column `usd_told`: a row's `usd` with the digits that it has, and no zeros more."""

    @admin.display(description="USD", ordering="usd")
    def usd_told(self, row: _Costing) -> str | None:
        return None if row.usd is None else all_digits(row.usd)


class ByPlan(Coded):
    """Asks for the code of a plan by the plan's name."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **given: Any) -> Any:
        if db_field.name not in ("plan", "next_plan") or db_field.is_relation:
            return super().formfield_for_dbfield(db_field, request, **given)
        plans = [(plan.code, plan.name) for plan in Plan.objects.order_by("position", "code")]
        return forms.ChoiceField(
            choices=[("", "–"), *plans],
            required=not db_field.blank,
            label=capfirst(db_field.verbose_name),
            help_text=db_field.help_text,
            widget=UnfoldAdminSelectWidget,
        )
