"""What an alert says, on the page, in the mail and by REST."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.alertmodels import Alert
from billing.refusals import LIMITS_URL, UPGRADE_URL, number, quantity
from billing.units import METRIC_INSIDE, METRIC_UNIT, Metric

Kind = Alert.Kind
AFTER: Final = {
    Kind.QUOTA: gettext_lazy(
        "Requests that no longer fit are refused, unless the plan charges for more."
    ),
    Kind.CAP: gettext_lazy(
        "Requests are refused at the cap, until the owner raises it or the month ends."
    ),
    Kind.BUDGET: gettext_lazy("Usage goes on: a budget only measures."),
    Kind.ALLOWANCE: gettext_lazy(
        "The member's requests are refused at it, until an admin raises it."
    ),
    Kind.STORAGE: gettext_lazy("New documents are refused once it is full."),
}
MORE: Final = {Kind.QUOTA: UPGRADE_URL, Kind.STORAGE: UPGRADE_URL}


@dataclass(frozen=True, slots=True)
class Said:
    """An alert in words. `member`: the e-mail address of the member whose allowance it is."""

    alert: Alert
    member: str = ""
    unread: bool = False

    @property
    def at(self) -> datetime:
        return self.alert.at

    @property
    def state(self) -> str:
        return "danger" if self.alert.threshold >= 100 else "warning"

    @property
    def title(self) -> str:
        alert = self.alert
        told = {
            Kind.QUOTA: _("%(percent)s%% of the plan's %(metric)s used"),
            Kind.CAP: _("%(percent)s%% of the spend cap used"),
            Kind.BUDGET: _("%(percent)s%% of the budget used"),
            Kind.ALLOWANCE: _("%(percent)s%% of %(member)s's allowance (%(metric)s) used"),
            Kind.STORAGE: _("%(percent)s%% of the plan's storage used"),
        }[Kind(alert.kind)]
        return told % {
            "percent": alert.threshold,
            "metric": METRIC_INSIDE[Metric(alert.metric)],
            "member": self.member or _("a former member"),
        }

    @property
    def text(self) -> str:
        metric = Metric(self.alert.metric)
        used, most = quantity(metric, self.alert.used), quantity(metric, self.alert.most)
        return _("%(used)s of %(most)s. %(after)s") % {
            "used": used,
            "most": most,
            "after": AFTER[Kind(self.alert.kind)],
        }

    @property
    def href(self) -> str:
        return MORE.get(Kind(self.alert.kind), LIMITS_URL)

    def as_json(self) -> dict[str, Any]:
        alert = self.alert
        return {
            "id": str(alert.id),
            "kind": alert.kind,
            "metric": alert.metric,
            "unit": METRIC_UNIT[Metric(alert.metric)],
            "period": f"{alert.period:%Y-%m}",
            "threshold": alert.threshold,
            "used": number(alert.used),
            "limit": number(alert.most),
            "member": self.member or None,
            "text": f"{self.title}: {self.text}",
            "at": alert.at.isoformat(),
        }
