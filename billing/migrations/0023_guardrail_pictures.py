"""Pictures that a guardrail looked at are counted and priced by themselves."""

from django.db import migrations, models

UNITS = [
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "batch_input_tokens",
    "batch_output_tokens",
    "embedding_tokens",
    "batch_embedding_tokens",
    "guardrail_units",
    "guardrail_content_units",
    "guardrail_image_units",
    "guardrail_topic_units",
    "guardrail_pii_units",
    "guardrail_pii_regex_units",
    "guardrail_word_units",
    "guardrail_grounding_units",
    "guardrail_check_content_units",
    "guardrail_check_attack_units",
    "guardrail_check_pii_units",
    "rerank_queries",
    "kb_retrievals",
    "storage_byte_days",
    "seats",
]


def price(apps, schema_editor):
    apps.get_model("billing", "Price").objects.get_or_create(
        model="amazon.bedrock-guardrails",
        route="region",
        unit="guardrail_image_units",
        effective_from="2026-01-01",
        defaults={
            "usd": "0.75",
            "per": 1000,
            "source": "Public price tables of August 2026; us-east-1",
        },
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0022_used")]

    operations = [
        migrations.AlterField(
            model_name="price",
            name="unit",
            field=models.CharField(
                choices=[(unit, unit.replace("_", " ")) for unit in UNITS], max_length=40
            ),
        ),
        migrations.RunPython(price, migrations.RunPython.noop),
    ]
