import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0003_batch_ways"),
    ]

    operations = [
        migrations.AddField(
            model_name="document",
            name="masked_name",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="document",
            name="masked_with",
            field=models.CharField(blank=True, max_length=160),
        ),
        migrations.AddField(
            model_name="documenttext",
            name="mask_spans",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="documenttext",
            name="masked",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="MaskedPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start", models.PositiveIntegerField()),
                ("guardrail", models.CharField(max_length=160)),
                ("digest", models.CharField(max_length=64)),
                ("found", models.JSONField(default=list)),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="masked_parts",
                        to="documents.document",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("document", "start"), name="masked_part_once")
                ],
            },
        ),
    ]
