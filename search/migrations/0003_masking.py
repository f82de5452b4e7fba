from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0002_knowledge_bases"),
    ]

    operations = [
        migrations.AddField(
            model_name="source",
            name="masked_with",
            field=models.CharField(blank=True, max_length=160),
        ),
        migrations.AlterField(
            model_name="source",
            name="name",
            field=models.CharField(max_length=300),
        ),
    ]
