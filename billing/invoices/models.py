"""Dated terms of plans, who was on which plan when, and invoices with their lines.

An invoice that has been issued never changes but in its state: a trigger in the database says so.
"""

import uuid
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

USD: Any = {"max_digits": 14, "decimal_places": 2}


class PlanVersion(models.Model):
    """A plan's commercial terms from the first of a month on, until a later row begins.

    `terms` is what `billing.plans.terms.Terms` reads. A row that has begun never changes: the past
    is invoiced by the terms of its time.
    """

    plan = models.ForeignKey("billing.Plan", on_delete=models.PROTECT, related_name="versions")
    effective_from = models.DateField(help_text="The first day of a month.")
    terms = models.JSONField()
    source = models.CharField(max_length=200, blank=True, help_text="Who decided it, and where.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["plan", "-effective_from"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["plan", "effective_from"], name="billing_one_version_a_month"
            ),
            models.CheckConstraint(
                condition=models.Q(effective_from__day=1), name="billing_version_from_the_first"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} from {self.effective_from}"


class PlanChange(models.Model):
    """The plan that a workspace has been on since `at`; written by a trigger on the registry."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    plan = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["tenant_id", "at"], name="billing_changes")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.plan} {self.at}"


class BillingAccount(models.Model):
    """To whom invoices are addressed, how they are taxed, and which plan comes next.

    The owner writes name, address, tax number, mail and locale, and a plan that is to begin; the
    tax and the currency are staff's.
    """

    tenant_id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=200, db_default="", blank=True)
    address = models.CharField(max_length=500, db_default="", blank=True)
    tax_number = models.CharField(max_length=40, db_default="", blank=True)
    email = models.EmailField(max_length=254, db_default="", blank=True)
    locale = models.CharField(max_length=10, db_default="en-US")
    currency = models.CharField(max_length=3, db_default="USD")
    tax_label = models.CharField(max_length=40, db_default="Tax")
    tax_percent = models.DecimalField(max_digits=5, decimal_places=2, db_default=0)
    trial_ends_on = models.DateField(
        null=True, blank=True, help_text="Instead of the day that the plan's length gives."
    )
    next_plan = models.CharField(max_length=40, db_default="", blank=True)
    next_plan_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(tax_percent__gte=0, tax_percent__lt=100),
                name="billing_tax_is_a_share",
            )
        ]

    def __str__(self) -> str:
        return self.name or str(self.tenant_id)

    @classmethod
    def blank(cls, tenant_id: uuid.UUID) -> "BillingAccount":
        """Return the account of a workspace that nobody has written anything about."""
        return cls(
            tenant_id=tenant_id, name="", address="", tax_number="", email="", locale="en-US",
            currency="USD", tax_label="Tax", tax_percent=Decimal(0), next_plan="",
        )  # fmt: skip


class AccountCredit(models.Model):
    """Money that staff gave a workspace: taken off its invoices, oldest first, until it is used."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    usd = models.DecimalField("USD", **USD)
    reason = models.CharField(max_length=300)
    granted_at = models.DateTimeField(db_default=Now())
    expires_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["granted_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(usd__gt=0), name="billing_credit_positive")
        ]

    def __str__(self) -> str:
        return f"{self.usd} {self.reason}"


class Invoice(models.Model):
    """What a workspace is charged for a calendar month (UTC).

    A number is given when it is issued, without gaps within a year. `holds` say why it may not be
    issued: `{code, text, blocks}`; what staff released in spite of it is in `released`.
    `ledger_rows` is how many ledger entries of the month it was computed from.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        HELD = "held", _("Held")
        ISSUED = "issued", _("Issued")
        PAID = "paid", _("Paid")
        VOID = "void", _("Void")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant_id = models.UUIDField()
    workspace = models.CharField(max_length=120)
    period = models.DateField(help_text="First day of the month.")
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    series = models.PositiveSmallIntegerField(null=True, help_text="The year it was issued in.")
    number = models.PositiveIntegerField(null=True)
    currency = models.CharField(max_length=3, default="USD")
    subtotal = models.DecimalField(**USD)
    credits = models.DecimalField(**USD, default=0)
    tax_label = models.CharField(max_length=40, default=gettext_noop("Tax"))
    tax_percent = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    tax = models.DecimalField(**USD, default=0)
    total = models.DecimalField("total, USD", **USD)
    bill_to = models.JSONField(default=dict)
    seller = models.TextField(db_default="", help_text="Name, address, tax number; a line each.")
    holds = models.JSONField(default=list)
    released = models.JSONField(default=list)
    staff_hold = models.CharField(max_length=300, blank=True)
    ledger_rows = models.BigIntegerField(default=0)
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Of what it was drafted from."
    )
    drafted_at = models.DateTimeField(db_default=Now())
    issued_at = models.DateTimeField(null=True)
    due_on = models.DateField(null=True)
    paid_at = models.DateTimeField(null=True)
    paid_by = models.CharField(max_length=10, blank=True)
    payment_reference = models.CharField(max_length=120, blank=True)
    voided_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-period", "-drafted_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "period"],
                condition=~models.Q(state="void"),
                name="billing_one_invoice_a_month",
            ),
            models.UniqueConstraint(fields=["series", "number"], name="billing_one_number_once"),
            models.CheckConstraint(
                condition=models.Q(
                    total=models.F("subtotal") - models.F("credits") + models.F("tax")
                ),
                name="billing_invoice_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def minus_credits(self) -> Decimal:
        return -self.credits

    @property
    def tax_name(self) -> str:
        """Return what the tax is called: the account's own word, or ours in the active language."""
        return gettext(self.tax_label) if self.tax_label else ""

    @property
    def name(self) -> str:
        """Return the number as people write it; a draft has its month."""
        if self.number is None:
            return f"Draft for {self.period:%B %Y}"
        return f"{self.series}-{self.number:06d}"


class InvoiceLine(models.Model):
    """One amount of an invoice, rounded to the cent, with what it was computed from.

    Lines of usage name the ledger's rows: those of `units` and `model` (empty: any) that were
    admitted from `starts_at` until `ends_at`.
    """

    class Kind(models.TextChoices):
        FEE = "fee", _("Plan")
        SEATS = "seats", _("Seats")
        OVERAGE = "overage", _("Beyond what is included")
        USAGE = "usage", _("Usage")
        CORRECTION = "correction", _("Correction of an earlier month")
        CREDIT = "credit", _("Credit")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    tenant_id = models.UUIDField()
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    text = models.CharField(max_length=300)
    plan = models.CharField(max_length=40, blank=True)
    metric = models.CharField(max_length=40, blank=True)
    model = models.CharField(max_length=120, blank=True)
    units = models.JSONField(default=list)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    quantity = models.DecimalField(max_digits=30, decimal_places=15, default=Decimal(0))
    detail = models.JSONField(default=dict)
    credit = models.ForeignKey(AccountCredit, on_delete=models.PROTECT, null=True)
    usd = models.DecimalField("USD", **USD)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="billing_one_line_a_position"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["tenant_id"], name="billing_lines_of_tenant")]

    def __str__(self) -> str:
        return self.text


class InvoiceSeries(models.Model):
    """The last number given in a year; its row is locked while a number is taken."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"


class PaymentEvent(models.Model):
    """A signed message of the payment provider: kept once, applied once, with its outcome."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting"
        PAID = "paid", "Invoice marked paid"
        ALREADY_PAID = "already_paid", "Was paid already"
        UNKNOWN_INVOICE = "unknown_invoice", "No such invoice"
        WRONG_AMOUNT = "wrong_amount", "Another amount than the invoice's"
        WRONG_CURRENCY = "wrong_currency", "Another currency than the invoice's"
        NOT_PAYABLE = "not_payable", "The invoice is not open"
        IGNORED = "ignored", "A kind of event that changes nothing"

    id = models.CharField(primary_key=True, max_length=120)
    kind = models.CharField(max_length=60)
    invoice = models.CharField(max_length=60, blank=True)
    amount = models.DecimalField(**USD, null=True)
    currency = models.CharField(max_length=3, blank=True)
    reference = models.CharField(max_length=120, blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the body as it was signed.")
    received_at = models.DateTimeField(db_default=Now())
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.WAITING)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-received_at"]

    def __str__(self) -> str:
        return self.id
