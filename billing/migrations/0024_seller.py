"""Who sends an invoice: kept with it, and guarded as all of it once it was issued."""

from typing import ClassVar

from django.db import migrations, models

GUARD = """
CREATE OR REPLACE FUNCTION billing_invoice_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('draft', 'held') THEN
        IF TG_OP = 'UPDATE' AND NEW.state = 'paid'
           OR TG_OP = 'UPDATE' AND OLD.state = 'held' AND NEW.state = 'issued' THEN
            RAISE EXCEPTION 'an invoice cannot go from % to %', OLD.state, NEW.state;
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an invoice that was issued stays';
    END IF;
    IF (OLD.state, NEW.state) NOT IN (('issued', 'paid'), ('issued', 'void'))
       AND OLD.state <> NEW.state THEN
        RAISE EXCEPTION 'an invoice cannot go from % to %', OLD.state, NEW.state;
    END IF;
    IF (OLD.id, OLD.tenant_id, OLD.workspace, OLD.period, OLD.series, OLD.number, OLD.currency,
        OLD.subtotal, OLD.credits, OLD.tax_label, OLD.tax_percent, OLD.tax, OLD.total,
        OLD.bill_to, %(old)sOLD.ledger_rows, OLD.issued_at, OLD.due_on)
       IS DISTINCT FROM
       (NEW.id, NEW.tenant_id, NEW.workspace, NEW.period, NEW.series, NEW.number, NEW.currency,
        NEW.subtotal, NEW.credits, NEW.tax_label, NEW.tax_percent, NEW.tax, NEW.total,
        NEW.bill_to, %(new)sNEW.ledger_rows, NEW.issued_at, NEW.due_on) THEN
        RAISE EXCEPTION 'an invoice that was issued never changes';
    END IF;
    RETURN NEW;
END $$;
"""


def _guard(*, with_seller: bool) -> str:
    names = ("OLD.seller, ", "NEW.seller, ") if with_seller else ("", "")
    return GUARD.replace("%(old)s", names[0]).replace("%(new)s", names[1])


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0023_guardrail_pictures")]
    operations: ClassVar = [
        migrations.AddField(
            "invoice",
            "seller",
            models.TextField(db_default="", help_text="Name, address, tax number; a line each."),
        ),
        migrations.RunSQL(_guard(with_seller=True), _guard(with_seller=False)),
    ]
