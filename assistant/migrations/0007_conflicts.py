from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("assistant", "0006_texts"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="conflicts",
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
    ]
