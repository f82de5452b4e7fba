"""Count the ledger's lines as lines."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0024_seller")]

    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="ledgerline",
            options={
                "managed": False,
                "ordering": ["-created_at"],
                "verbose_name": "ledger line",
                "verbose_name_plural": "ledger lines",
            },
        ),
    ]
