"""Staff: credit grants, how they burn down, and the funding pack."""

from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from billing.credits.alerts import due
from billing.credits.burning import burn_down
from billing.credits.funding import funding_pack
from billing.models import CreditAlert, CreditGrant
from tenants.csvfile import csv_response
from tenants.staffforms import ModelAdmin
from tenants.staffpages import PageViews


@admin.register(CreditGrant)
class CreditGrantAdmin(PageViews, ModelAdmin):
    """Grants above, their list below; one that is changed burns down anew from its first day."""

    ranges: ClassVar = {"amount_usd": (Decimal(0), None)}
    list_before_template = "billing/staff/credits.html"
    list_display: ClassVar = [
        "name", "program", "amount_usd", "starts_on", "expires_on", "covers_aws",
        "covers_marketplace",
    ]  # fmt: skip
    views: ClassVar = {
        "funding-pack/": "pack",
        "funding-pack.md": "pack_markdown",
        "burn-down.csv": "export",
    }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        state = burn_down()
        answer: HttpResponse = super().changelist_view(
            request,
            {
                **(extra_context or {}),
                "burn": state,
                "alerts": [
                    (burn, CreditAlert.Kind(kind).label)
                    for burn in state.burns
                    for kind in due(burn, state)
                ],
                "days": state.days[-60:],
            },
        )
        return answer

    def pack(self, request: HttpRequest) -> HttpResponse:
        """Show the funding pack as a page that prints."""
        growth = _growth(request)
        return self.shown(
            request,
            "billing/staff/funding_pack.html",
            title="Funding pack",
            pack=funding_pack(growth=growth),
            growth="" if growth is None else f"{growth.normalize():f}",
            refused=request.GET.get("growth", "") if growth is None else "",
        )

    def pack_markdown(self, request: HttpRequest) -> HttpResponse:
        """Download the funding pack as Markdown."""
        pack = funding_pack(growth=_growth(request))
        answer = HttpResponse(pack.as_markdown(), content_type="text/markdown; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="funding-pack-{pack.date}.md"'
        return answer

    def export(self, request: HttpRequest) -> HttpResponse:
        """Download each day's cost and what each grant paid of it."""
        state = burn_down()
        return csv_response(
            "aws-credits",
            ("day", "gross_usd", "aws_usd", "marketplace_usd",
             *(burn.grant.name for burn in state.burns), "net_usd"),
            (
                (day.day, day.usd, day.aws, day.marketplace,
                 *(burn.by_day.get(day.day, Decimal(0)) for burn in state.burns),
                 day.usd - sum(
                     (burn.by_day.get(day.day, Decimal(0)) for burn in state.burns), Decimal(0)))
                for day in state.days
            ),
        )  # fmt: skip


def _growth(request: HttpRequest) -> Decimal | None:
    """Return the growth that the address asks for, from −50 to 100 % a month; nonsense is none."""
    try:
        given = Decimal(request.GET.get("growth", ""))
    except InvalidOperation:
        return None
    return given if given.is_finite() and -50 <= given <= 100 else None
