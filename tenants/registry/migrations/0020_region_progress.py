"""How far a move to another Region is, so that each piece goes on without listing all anew."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0019_workspaces_by_name")]
    operations: ClassVar = [
        migrations.AddField(
            "regionmove", "round", models.PositiveSmallIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(
            "regionmove", "changed", models.BooleanField(db_default=False, default=False)
        ),
        migrations.AddField(
            "regionmove", "objects_passed", models.PositiveBigIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(
            "regionmove", "bytes_passed", models.PositiveBigIntegerField(db_default=0, default=0)
        ),
        migrations.AddField("regionmove", "total", models.PositiveBigIntegerField(null=True)),
        migrations.AddField("regionmove", "leaving", models.PositiveBigIntegerField(null=True)),
        migrations.AddField(
            "regionmove", "deleted", models.PositiveBigIntegerField(db_default=0, default=0)
        ),
    ]
