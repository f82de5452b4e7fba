"""Inference profiles say in which Regions AWS may serve their calls."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bedrock", "0020_pictures"),
    ]

    operations = [
        migrations.AddField(
            model_name="inferenceprofile",
            name="regions",
            field=models.JSONField(
                help_text="Where AWS may serve its calls; empty: not read yet.", null=True
            ),
        ),
    ]
