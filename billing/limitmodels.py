"""Limits inside a workspace, and the roll-ups of its ledger. Rows of tenants, in `public`."""

from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

EVERYONE: Final = UUID(int=0)
"""In `Allowance`: every member without a row. In `UsageDay`: no user, or no API key."""
MONEY: Final[Any] = {"max_digits": 30, "decimal_places": 15}


class MemberCounter(models.Model):
    """What one member has used and holds reserved in a month: `model_tokens` and `spend_usd`.

    `used` is moved by the ledger's own trigger, `reserved` by admission and settlement.
    """

    pk = models.CompositePrimaryKey("tenant_id", "user_id", "period", "metric")
    tenant_id = models.UUIDField()
    user_id = models.UUIDField()
    period = models.DateField()
    metric = models.CharField(max_length=40)
    used = models.DecimalField(default=0, **MONEY)
    reserved = models.DecimalField(default=0, **MONEY)

    def __str__(self) -> str:
        return f"{self.user_id} {self.period} {self.metric}"


class Allowance(models.Model):
    """What one member may use a month; empty: without limit. It replaces everyone's.

    A group's own row has the group's id in both ids. Of a member without a row of their own, the
    groups' most generous amounts stand in a row of theirs, `group_id` telling a group that gave
    them (`groupallowance.py`); so admission reads one row, whatever a member is in.
    """

    pk = models.CompositePrimaryKey("tenant_id", "user_id")
    tenant_id = models.UUIDField()
    user_id = models.UUIDField()
    group_id = models.UUIDField(null=True)
    model_tokens = models.DecimalField(null=True, **MONEY)
    spend_usd = models.DecimalField(null=True, **MONEY)
    set_by = models.UUIDField(null=True)
    set_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.user_id)


class SpendControl(models.Model):
    """The owner's two sums a month: a cap stops usage, a budget only measures and alerts."""

    tenant_id = models.UUIDField(primary_key=True)
    cap_usd = models.DecimalField(null=True, **MONEY)
    budget_usd = models.DecimalField(null=True, **MONEY)
    set_by = models.UUIDField(null=True)
    set_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.tenant_id)


class UsageDay(models.Model):
    """The ledger's sums of a day, moved by its trigger. A price of -1: there was none."""

    pk = models.CompositePrimaryKey(
        "tenant_id", "month", "day", "feature", "user_id", "api_key_id", "model", "unit",
        "price_usd", "price_per",
    )  # fmt: skip
    tenant_id = models.UUIDField()
    month = models.DateField()
    day = models.DateField()
    feature = models.CharField(max_length=40)
    user_id = models.UUIDField()
    api_key_id = models.UUIDField()
    model = models.CharField(max_length=120)
    unit = models.CharField(max_length=40)
    price_usd = models.DecimalField(max_digits=18, decimal_places=9)
    price_per = models.PositiveIntegerField()
    quantity = models.BigIntegerField()
    usd = models.DecimalField(default=0, **MONEY)
    unpriced = models.BigIntegerField(default=0)
    estimated = models.BigIntegerField(default=0)
    requests = models.BigIntegerField(default=0)
    model_requests = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.day} {self.feature} {self.unit}"


class UsageHour(models.Model):
    """The AI usage of an hour, moved by the ledger's trigger."""

    pk = models.CompositePrimaryKey("tenant_id", "month", "hour")
    tenant_id = models.UUIDField()
    month = models.DateField()
    hour = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    usd = models.DecimalField(default=0, **MONEY)

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.hour}"
