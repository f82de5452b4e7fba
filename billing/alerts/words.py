"""What an alert says, on the page, in the mail and by REST."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from billing.alertmodels import Alert
from billing.refusals import LIMITS_URL, UPGRADE_URL, number, quantity
from billing.units import METRIC_LABEL, METRIC_UNIT, Metric

Kind = Alert.Kind
AFTER: Final = {
    Kind.QUOTA: "Requests that no longer fit are refused, unless the plan charges for more.",
    Kind.CAP: "Requests are refused at the cap, until the owner raises it or the month ends.",
    Kind.BUDGET: "Usage goes on: a budget only measures.",
    Kind.ALLOWANCE: "The member's requests are refused at it, until an admin raises it.",
    Kind.STORAGE: "New documents are refused once it is full.",
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
        label = METRIC_LABEL[Metric(alert.metric)].lower()
        what = {
            Kind.QUOTA: f"of the plan's {label}",
            Kind.CAP: "of the spend cap",
            Kind.BUDGET: "of the budget",
            Kind.ALLOWANCE: f"of {self.member or 'a former member'}'s allowance ({label})",
            Kind.STORAGE: "of the plan's storage",
        }[Kind(alert.kind)]
        return f"{alert.threshold} % {what} used"

    @property
    def text(self) -> str:
        metric = Metric(self.alert.metric)
        used, most = quantity(metric, self.alert.used), quantity(metric, self.alert.most)
        return f"{used} of {most}. {AFTER[Kind(self.alert.kind)]}"

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
