"""Which models see pictures, and how much one counts at most."""

from django.db import migrations, models

# Nova and Claude reckon by the area; a square of 1,240 pixels a side is the largest that is sent.
SEEING = {
    "amazon.nova-lite-v1:0": 3000,
    "amazon.nova-pro-v1:0": 3000,
    "anthropic.claude-haiku-4-5-20251001-v1:0": 2100,
    "anthropic.claude-sonnet-4-6": 2100,
}


def tell(apps, schema_editor):
    model = apps.get_model("bedrock", "Model")
    for model_id, tokens in SEEING.items():
        model.objects.filter(model_id=model_id).update(image_tokens=tokens)


class Migration(migrations.Migration):
    dependencies = [
        ("bedrock", "0019_governed"),
    ]

    operations = [
        migrations.AddField(
            model_name="model",
            name="image_tokens",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Most tokens that a picture of 1,240 pixels a side counts; empty: it sees"
                " none.",
                null=True,
            ),
        ),
        migrations.RunPython(tell, migrations.RunPython.noop),
    ]
