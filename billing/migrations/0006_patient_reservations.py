"""Reservations of work that takes longer than a call are left to the sweeper later."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0005_true_up")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="reservation",
            name="sweep_after",
            field=models.DateTimeField(null=True),
        )
    ]
