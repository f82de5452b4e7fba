"""What an owner writes: to whom invoices are addressed."""

from typing import Final

from django.db import connection, transaction

from tenants.accounts.audit import audit_write
from tenants.context import Actor, current

# The columns that a tenant's role may write; tax and currency are staff's.
WRITE: Final = """
    INSERT INTO billing_billingaccount (tenant_id, name, address, tax_number, email, locale)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (tenant_id) DO UPDATE
       SET name = excluded.name, address = excluded.address, tax_number = excluded.tax_number,
           email = excluded.email, locale = excluded.locale
"""


@transaction.atomic
def account_write(
    *, actor: Actor, name: str, address: str, tax_number: str, email: str, locale: str
) -> None:
    """Address the invoices that are drafted from now on; what was issued stays as it was."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [current().id, name, address, tax_number, email, locale])
    audit_write(actor, action="billing.addressed", object_type="billing_account")
