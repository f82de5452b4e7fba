"""Plans, prices, counters, reservations and the ledger: all in `public`.

Tenants' rows carry `tenant_id` and are guarded by row-level security; there is no foreign key to a
tenant or a user, whose tables stand elsewhere. Money is USD in exact decimals: a price has at most
nine decimals and is for 1, 1,000 or 1,000,000 units, so that quantity × price always fits the
fifteen decimals of an amount and nothing is ever rounded.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.alertmodels import Alert as Alert
from billing.alertmodels import AlertSettings as AlertSettings
from billing.alertmodels import AlertsRead as AlertsRead
from billing.awsmodels import AwsCostDelivery as AwsCostDelivery
from billing.awsmodels import AwsCostLine as AwsCostLine
from billing.creditmodels import CreditAlert as CreditAlert
from billing.creditmodels import CreditGrant as CreditGrant
from billing.creditmodels import MarginLine as MarginLine
from billing.invoices.models import AccountCredit as AccountCredit
from billing.invoices.models import BillingAccount as BillingAccount
from billing.invoices.models import Invoice as Invoice
from billing.invoices.models import InvoiceLine as InvoiceLine
from billing.invoices.models import InvoiceSeries as InvoiceSeries
from billing.invoices.models import PaymentEvent as PaymentEvent
from billing.invoices.models import PlanChange as PlanChange
from billing.invoices.models import PlanVersion as PlanVersion
from billing.limitmodels import Allowance as Allowance
from billing.limitmodels import MemberCounter as MemberCounter
from billing.limitmodels import SpendControl as SpendControl
from billing.limitmodels import UsageDay as UsageDay
from billing.limitmodels import UsageHour as UsageHour
from billing.reconmodels import LoggedUsage as LoggedUsage
from billing.reconmodels import ReconciliationDecision as ReconciliationDecision
from billing.reconmodels import ReconciliationLine as ReconciliationLine
from billing.reconmodels import ReconciliationPolicy as ReconciliationPolicy
from billing.reconmodels import ReconciliationRun as ReconciliationRun
from billing.units import Metric, Unit


def _choices(names: type[Unit] | type[Metric]) -> list[tuple[str, str]]:
    return [(name.value, name.value.replace("_", " ")) for name in names]


class Plan(models.Model):
    """What a workspace has bought: rates per minute here, amounts per month in `limits`."""

    class Pricing(models.TextChoices):
        BUNDLED = "bundled", _("Bundled: one price, usage included")
        QUOTA = "quota", _("Quota, more of it billed as overage")
        METERED = "metered", _("Metered: usage passed through with markup")
        SEAT = "seat", _("Add-on per seat")

    code = models.SlugField(primary_key=True, max_length=40)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in the comparison.")
    offered = models.BooleanField(default=True, help_text="Shown in the plan comparison.")
    pricing_model = models.CharField(max_length=20, choices=Pricing, default=Pricing.BUNDLED)
    monthly_price = models.DecimalField("monthly price, USD", max_digits=12, decimal_places=2)
    seat_price = models.DecimalField(
        "price per seat, USD", max_digits=12, decimal_places=2, default=0
    )
    markup_percent = models.DecimalField(max_digits=6, decimal_places=2, default=0)
    requests_per_minute = models.PositiveIntegerField()
    model_tokens_per_minute = models.PositiveIntegerField()
    embedding_tokens_per_minute = models.PositiveIntegerField()
    guardrail_units_per_minute = models.PositiveIntegerField()
    concurrent_streams = models.PositiveIntegerField()
    member_percent = models.PositiveSmallIntegerField(
        default=100, help_text="How much of these rates one member alone may take, in percent."
    )

    class Meta:
        ordering: ClassVar = ["position", "code"]

    def __str__(self) -> str:
        return self.name


class RegionQuota(models.Model):
    """What AWS lets the account's tenants use together in a Region; an empty Region is the rest."""

    region = models.CharField(primary_key=True, max_length=20, blank=True)
    guardrail_units_per_second = models.PositiveIntegerField(
        default=25, help_text="Text units a second of one guardrail policy; AWS does not raise it."
    )
    burst_seconds = models.PositiveSmallIntegerField(
        default=4, help_text="Seconds' worth that may be used at once after a pause."
    )
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["region"]

    def __str__(self) -> str:
        return self.region or "every other Region"


class PlanLimit(models.Model):
    """How much of a metric a plan includes a month; empty means without limit."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="limits")
    metric = models.CharField(max_length=40, choices=_choices(Metric))
    included = models.DecimalField(max_digits=30, decimal_places=15, null=True, blank=True)
    overage_price = models.DecimalField(
        "overage price, USD", max_digits=18, decimal_places=9, null=True, blank=True
    )
    overage_per = models.PositiveIntegerField(default=1_000_000)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "metric"], name="billing_one_limit_a_metric")
        ]

    def __str__(self) -> str:
        return f"{self.plan_id}: {self.metric}"


class Price(models.Model):
    """What a unit of a model costs from a day on, until a later row of the same unit begins.

    `route` tells how the model is reached: a cross-Region profile of a geography costs more than
    the global one. A price that has begun is never edited: a new row begins later.
    """

    class Route(models.TextChoices):
        REGION = "region", "In one Region"
        GEO = "geo", "Within a geography"
        GLOBAL = "global", "Global"

    model = models.CharField(max_length=120, help_text="Base model id, without us. or eu.")
    route = models.CharField(max_length=10, choices=Route, default=Route.REGION)
    unit = models.CharField(max_length=40, choices=_choices(Unit))
    usd = models.DecimalField("USD", max_digits=18, decimal_places=9)
    per = models.PositiveIntegerField(
        choices=[(1, "1"), (1000, "1,000"), (1_000_000, "1,000,000")], default=1_000_000
    )
    effective_from = models.DateField(db_index=True)
    source = models.CharField(max_length=200, blank=True, help_text="Where the figure is from.")

    class Meta:
        ordering: ClassVar = ["model", "route", "unit", "-effective_from"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["model", "route", "unit", "effective_from"], name="billing_one_price_a_day"
            ),
            models.CheckConstraint(
                condition=models.Q(usd__gte=0), name="billing_price_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(per__in=[1, 1000, 1_000_000]), name="billing_price_per_power"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.unit} from {self.effective_from}"


class QuotaCounter(models.Model):
    """What a tenant has used and holds reserved of a metric in a period.

    `period` is the month's first day, or `STANDING` for a level that never resets. `included` is
    the limit that was in force at the latest admission.
    """

    pk = models.CompositePrimaryKey("tenant_id", "period", "metric")
    tenant_id = models.UUIDField()
    period = models.DateField()
    metric = models.CharField(max_length=40)
    used = models.DecimalField(max_digits=30, decimal_places=15, default=0)
    reserved = models.DecimalField(max_digits=30, decimal_places=15, default=0)
    included = models.DecimalField(max_digits=30, decimal_places=15, null=True)

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.period} {self.metric}"


class Reservation(models.Model):
    """An upper bound that was set aside before a call, until the call's usage is known.

    `call` numbers the reservations of one request. `held` is what the counters hold for it, by
    metric. A row that stays `held` belongs to a process that died: the sweeper settles it, that of
    work which takes longer than a call not before `sweep_after`.
    """

    class State(models.TextChoices):
        HELD = "held", "Held"
        SETTLED = "settled", "Settled"
        RELEASED = "released", "Released"
        SWEPT = "swept", "Settled as an estimate"
        TRUED = "trued", "Settled from the provider's log"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    month = models.DateField()
    request_id = models.UUIDField()
    call = models.PositiveIntegerField()
    feature = models.CharField(max_length=40)
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    model = models.CharField(max_length=120)
    estimate = models.JSONField()
    held = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.HELD)
    created_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)
    sweep_after = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "request_id", "month", "call"],
                name="billing_one_call_a_number",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"], condition=models.Q(state="held"), name="billing_held"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class LedgerEntry(models.Model):
    """Usage as it happened: one row a unit, written once, never changed.

    Partitioned by `month`, which was fixed by the database's clock when the usage was reserved. The
    key makes settling idempotent: the tenant is part of it because a client may choose its request
    ids. `attempt` counts within the request: 203 is the third attempt of its second call.
    `usd` is empty where no price was found: unpriced, never free.
    """

    class Kind(models.TextChoices):
        USAGE = "usage", "Usage"
        CORRECTION = "correction", "Correction"

    pk = models.CompositePrimaryKey("tenant_id", "request_id", "attempt", "unit", "month")
    id = models.UUIDField(default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    month = models.DateField()
    request_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    unit = models.CharField(max_length=40)
    quantity = models.BigIntegerField()
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.USAGE)
    estimated = models.BooleanField(default=False)
    model = models.CharField(max_length=120)
    route = models.CharField(max_length=10)
    region = models.CharField(max_length=20, blank=True)
    profile_arn = models.CharField(max_length=300, blank=True)
    feature = models.CharField(max_length=40)
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    reservation_id = models.UUIDField()
    price_id = models.BigIntegerField(null=True)
    price_usd = models.DecimalField(max_digits=18, decimal_places=9, null=True)
    price_per = models.PositiveIntegerField(null=True)
    usd = models.DecimalField(max_digits=30, decimal_places=15, null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="billing_ledger_time"),
            models.Index(fields=["id"], name="billing_ledger_id"),
            models.Index(fields=["tenant_id", "created_at"], name="billing_ledger_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.attempt} {self.unit}"


class LedgerLine(models.Model):
    """The ledger as staff read it: a view with the tenant's name and a key of one column.

    The admin serves no model with a composite key. The view runs with its reader's own rights.
    """

    id = models.UUIDField(primary_key=True)
    tenant = models.CharField(max_length=40)
    tenant_id = models.UUIDField()
    month = models.DateField()
    request_id = models.UUIDField()
    attempt = models.IntegerField()
    unit = models.CharField(max_length=40)
    quantity = models.BigIntegerField()
    kind = models.CharField(max_length=12, choices=LedgerEntry.Kind)
    estimated = models.BooleanField()
    model = models.CharField(max_length=120)
    route = models.CharField(max_length=10)
    region = models.CharField(max_length=20)
    profile_arn = models.CharField(max_length=300)
    feature = models.CharField(max_length=40)
    user_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    reservation_id = models.UUIDField()
    price_id = models.BigIntegerField(null=True)
    price_usd = models.DecimalField("price, USD", max_digits=18, decimal_places=9, null=True)
    price_per = models.IntegerField("per", null=True)
    usd = models.DecimalField("USD", max_digits=30, decimal_places=15, null=True)
    created_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "billing_ledgerline"
        ordering: ClassVar = ["-created_at"]
        verbose_name = "ledger line"
        verbose_name_plural = "ledger lines"

    def __str__(self) -> str:
        return f"{self.request_id} {self.attempt} {self.unit}"
