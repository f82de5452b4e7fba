from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0007_tags"),
    ]

    operations = [
        migrations.AddField(
            model_name="source",
            name="language_told",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
