"""Who may read and write plans' history and invoices, and what nobody may change.

A workspace sees its invoices from the moment they are issued. A trigger on the registry records
every change of plan, whoever makes it; a workspace changes its own through `billing_move_plan`,
which runs with the owner's rights and lets a tenant's role move that tenant alone, to a plan that
is offered.
"""

import json
from pathlib import Path

from django.db import migrations

from tenants.backend.grants import (
    TENANT_ROW,
    shared_rows_sql,
    shared_sequence_sql,
    tenant_rows_sql,
)

DATA = Path(__file__).resolve().parent.parent / "data"
FROM = "2026-01-01"
METERED = ["model_tokens", "embedding_tokens", "guardrail_units", "other"]

ACCOUNT = """
    GRANT INSERT (tenant_id, name, address, tax_number, email, locale, next_plan, next_plan_on),
          UPDATE (name, address, tax_number, email, locale, next_plan, next_plan_on)
       ON billing_billingaccount TO tenant;
    GRANT INSERT, UPDATE ON billing_billingaccount TO staff;
    GRANT UPDATE ON billing_billingaccount TO ops;
    GRANT INSERT ON billing_accountcredit TO staff;
    GRANT UPDATE ON billing_plan, billing_planlimit TO ops;
    GRANT INSERT ON billing_planlimit TO ops;
    GRANT USAGE ON SEQUENCE billing_planlimit_id_seq TO ops;
"""
INVOICES = f"""
    ALTER TABLE billing_invoice ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant_rows ON billing_invoice TO tenant
        USING ({TENANT_ROW} AND state NOT IN ('draft', 'held'));
    CREATE POLICY staff_rows ON billing_invoice TO staff USING (true);
    CREATE POLICY ops_rows ON billing_invoice TO ops USING (true) WITH CHECK (true);
    GRANT SELECT ON billing_invoice TO tenant;
    GRANT SELECT, UPDATE ON billing_invoice TO staff;
    GRANT SELECT, INSERT, UPDATE ON billing_invoice TO ops;

    ALTER TABLE billing_invoiceline ENABLE ROW LEVEL SECURITY;
    -- The invoice is read with the tenant's own rights: the lines of a draft are hidden with it.
    CREATE POLICY tenant_rows ON billing_invoiceline TO tenant
        USING ({TENANT_ROW} AND EXISTS (SELECT FROM billing_invoice i WHERE i.id = invoice_id));
    CREATE POLICY staff_rows ON billing_invoiceline TO staff USING (true);
    CREATE POLICY ops_rows ON billing_invoiceline TO ops USING (true) WITH CHECK (true);
    GRANT SELECT ON billing_invoiceline TO tenant, staff;
    GRANT SELECT, INSERT, DELETE ON billing_invoiceline TO ops;

    GRANT SELECT, INSERT, UPDATE ON billing_invoiceseries TO staff, ops;

    ALTER TABLE billing_paymentevent ENABLE ROW LEVEL SECURITY;
    CREATE POLICY received ON billing_paymentevent FOR INSERT TO app_public
        WITH CHECK (outcome = 'waiting' AND applied_at IS NULL);
    CREATE POLICY staff_rows ON billing_paymentevent FOR SELECT TO staff USING (true);
    CREATE POLICY ops_rows ON billing_paymentevent TO ops USING (true) WITH CHECK (true);
    GRANT INSERT ON billing_paymentevent TO app_public;
    GRANT SELECT ON billing_paymentevent TO staff;
    GRANT SELECT, UPDATE ON billing_paymentevent TO ops;
"""  # noqa: S608 - the part that is put in is a constant
GUARDS = """
    CREATE FUNCTION billing_invoice_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
            OLD.bill_to, OLD.ledger_rows, OLD.issued_at, OLD.due_on)
           IS DISTINCT FROM
           (NEW.id, NEW.tenant_id, NEW.workspace, NEW.period, NEW.series, NEW.number, NEW.currency,
            NEW.subtotal, NEW.credits, NEW.tax_label, NEW.tax_percent, NEW.tax, NEW.total,
            NEW.bill_to, NEW.ledger_rows, NEW.issued_at, NEW.due_on) THEN
            RAISE EXCEPTION 'an invoice that was issued never changes';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER billing_invoice_guard BEFORE UPDATE OR DELETE ON billing_invoice
        FOR EACH ROW EXECUTE FUNCTION billing_invoice_guard();

    CREATE FUNCTION billing_line_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        kept text;
    BEGIN
        SELECT state INTO kept FROM billing_invoice
         WHERE id = CASE TG_OP WHEN 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END;
        IF kept NOT IN ('draft', 'held') THEN
            RAISE EXCEPTION 'the lines of an invoice that was issued never change';
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $$;
    CREATE TRIGGER billing_line_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_invoiceline
        FOR EACH ROW EXECUTE FUNCTION billing_line_guard();

    CREATE FUNCTION billing_begun_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.effective_from <= (now() AT TIME ZONE 'UTC')::date THEN
            RAISE EXCEPTION 'what has begun on % never changes', OLD.effective_from;
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $$;
    CREATE TRIGGER billing_begun_guard BEFORE UPDATE OR DELETE ON billing_planversion
        FOR EACH ROW EXECUTE FUNCTION billing_begun_guard();
    CREATE TRIGGER billing_begun_guard BEFORE UPDATE OR DELETE ON billing_price
        FOR EACH ROW EXECUTE FUNCTION billing_begun_guard();

    CREATE FUNCTION billing_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.effective_from <= (now() AT TIME ZONE 'UTC')::date AND EXISTS (
               SELECT FROM billing_planversion WHERE plan_id = NEW.plan_id AND id <> NEW.id) THEN
            RAISE EXCEPTION 'terms of a plan that has some begin in a later month';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER billing_version_guard BEFORE INSERT OR UPDATE ON billing_planversion
        FOR EACH ROW EXECUTE FUNCTION billing_version_guard();
"""
MOVING = """
    CREATE FUNCTION billing_note_plan() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, public AS $$
    BEGIN
        INSERT INTO public.billing_planchange (id, tenant_id, plan, at)
        VALUES (gen_random_uuid(), NEW.id, NEW.plan, clock_timestamp());
        RETURN NULL;
    END $$;
    CREATE TRIGGER billing_first_plan AFTER INSERT ON registry_tenant
        FOR EACH ROW EXECUTE FUNCTION billing_note_plan();
    CREATE TRIGGER billing_next_plan AFTER UPDATE OF plan ON registry_tenant
        FOR EACH ROW WHEN (OLD.plan IS DISTINCT FROM NEW.plan)
        EXECUTE FUNCTION billing_note_plan();
    INSERT INTO billing_planchange (id, tenant_id, plan, at)
        SELECT gen_random_uuid(), id, plan, created_at FROM registry_tenant;

    CREATE FUNCTION billing_move_plan(p_tenant uuid, p_plan text) RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        -- Inside, current_user is the owner; `role` is still what the caller had set.
        who text := CASE current_setting('role') WHEN 'none' THEN session_user::text
                    ELSE current_setting('role') END;
    BEGIN
        IF who <> 'ops' AND who <> 't_' || replace(p_tenant::text, '-', '') THEN
            RAISE EXCEPTION '% may not move this workspace', who USING ERRCODE = '42501';
        END IF;
        IF NOT EXISTS (SELECT FROM public.billing_plan
                        WHERE code = p_plan AND (offered OR who = 'ops')) THEN
            RAISE EXCEPTION 'the plan % cannot be chosen', p_plan USING ERRCODE = '42501';
        END IF;
        UPDATE public.registry_tenant SET plan = p_plan WHERE id = p_tenant AND plan <> p_plan;
        RETURN FOUND;
    END $$;
    REVOKE EXECUTE ON FUNCTION billing_move_plan(uuid, text) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION billing_move_plan(uuid, text) TO tenant, ops;
"""
UNDO = """
    DROP TRIGGER billing_first_plan ON registry_tenant;
    DROP TRIGGER billing_next_plan ON registry_tenant;
    DROP FUNCTION billing_note_plan;
    DROP FUNCTION billing_move_plan;
"""
UNGUARD = """
    DROP TRIGGER billing_begun_guard ON billing_price;
    DROP FUNCTION billing_invoice_guard CASCADE;
    DROP FUNCTION billing_line_guard CASCADE;
    DROP FUNCTION billing_begun_guard CASCADE;
    DROP FUNCTION billing_version_guard CASCADE;
"""


def terms_of(plan):
    """Return the terms by which a plan has been charged so far."""
    terms = {
        "monthly_price": str(plan.monthly_price),
        "seat_price": str(plan.seat_price),
        "markup_percent": str(plan.markup_percent),
        "metered": METERED if plan.pricing_model == "metered" else [],
        "limits": {
            limit.metric: {
                "included": None if limit.included is None else f"{limit.included.normalize():f}"
            }
            | (
                {}
                if limit.overage_price is None
                else {
                    "overage_price": str(limit.overage_price),
                    "overage_per": limit.overage_per,
                }
            )
            for limit in plan.limits.all()
        },
    }
    for metric in (*METERED[:3], "spend_usd", "storage_bytes"):
        terms["limits"].setdefault(metric, {"included": "0"})
    if plan.code == "trial":
        terms |= {"trial_days": 30, "trial_then": "ended"}
    return terms


def load(apps, schema_editor):
    plans, limits, versions = (
        apps.get_model("billing", name) for name in ("Plan", "PlanLimit", "PlanVersion")
    )
    source = "As the plan stood when terms became dated"
    for plan in plans.objects.prefetch_related("limits"):
        versions.objects.create(plan=plan, effective_from=FROM, terms=terms_of(plan), source=source)
    for position, code in ((3, "growth"), (5, "enterprise")):
        plans.objects.filter(code=code, position=position - (1 if position == 3 else 2)).update(
            position=position
        )
    for entry in json.loads((DATA / "more_plans.json").read_text()):
        if plans.objects.filter(code=entry["plan"]["code"]).exists():
            continue
        plan = plans.objects.create(**entry["plan"])
        for metric, one in entry["terms"]["limits"].items():
            limits.objects.create(plan=plan, metric=metric, **one)
        versions.objects.create(
            plan=plan, effective_from=FROM, terms=entry["terms"], source="First terms"
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_invoices"), ("registry", "0002_rights")]
    operations = [
        migrations.RunSQL(shared_rows_sql("billing_planversion")),
        migrations.RunSQL(shared_sequence_sql("billing_planversion_id_seq")),
        *(
            migrations.RunSQL(tenant_rows_sql(f"billing_{table}", rights="SELECT"))
            for table in ("planchange", "billingaccount", "accountcredit")
        ),
        migrations.RunSQL(ACCOUNT),
        migrations.RunSQL(INVOICES),
        migrations.RunSQL(GUARDS, UNGUARD),
        migrations.RunSQL(MOVING, UNDO),
        migrations.RunPython(load, migrations.RunPython.noop),  # last: it leaves deferred checks
    ]
