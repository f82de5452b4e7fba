"""Who may read and write billing's tables, and the staff's view of the ledger.

A tenant's role adds ledger rows and reads its own; nobody but the owner can change or remove one.
Partitions are granted to nobody: they are reached through the table, and so through its policies.
"""

from django.db import migrations

from tenants.backend.grants import shared_rows_sql, shared_sequence_sql, tenant_rows_sql

VIEW = """
    CREATE VIEW billing_ledgerline WITH (security_invoker = true) AS
    SELECT e.id, coalesce(t.slug, '') AS tenant, e.tenant_id, e.month, e.request_id, e.attempt,
           e.unit, e.quantity, e.kind, e.estimated, e.model, e.route, e.region, e.profile_arn,
           e.feature, e.user_id, e.api_key_id, e.reservation_id, e.price_id, e.price_usd,
           e.price_per, e.usd, e.created_at
      FROM billing_ledgerentry e LEFT JOIN registry_tenant t ON t.id = e.tenant_id;
    GRANT SELECT ON billing_ledgerline TO staff, ops;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("registry", "0002_rights")]
    operations = [
        migrations.RunSQL(tenant_rows_sql("billing_ledgerentry", rights="SELECT, INSERT")),
        migrations.RunSQL(tenant_rows_sql("billing_reservation")),
        migrations.RunSQL(tenant_rows_sql("billing_quotacounter")),
        migrations.RunSQL(shared_rows_sql("billing_plan")),
        migrations.RunSQL(shared_rows_sql("billing_planlimit")),
        migrations.RunSQL(shared_rows_sql("billing_price")),
        migrations.RunSQL(shared_sequence_sql("billing_planlimit_id_seq")),
        migrations.RunSQL(shared_sequence_sql("billing_price_id_seq")),
        migrations.RunSQL(VIEW),
    ]
