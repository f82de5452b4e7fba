"""An index for the latest requests of a workspace, which the usage pages list."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0012_invoice_rights")]
    operations: ClassVar = [
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(fields=["tenant_id", "created_at"], name="billing_ledger_latest"),
        )
    ]
