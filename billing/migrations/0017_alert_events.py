"""When an alert's event was queued, apart from its mail: neither waits for the other."""

from django.db import migrations, models

MARK = "GRANT UPDATE (event_at) ON billing_alert TO tenant"


class Migration(migrations.Migration):
    dependencies = [("billing", "0016_alerts")]
    operations = [
        migrations.AddField(
            model_name="alert", name="event_at", field=models.DateTimeField(null=True)
        ),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
    ]
