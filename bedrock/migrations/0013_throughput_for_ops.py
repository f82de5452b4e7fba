"""The log reader, which runs under `ops`, has to know what throughput was called."""

from typing import ClassVar

from django.db import migrations

OPS = """
    CREATE POLICY ops_rows ON bedrock_provisionedmodel FOR SELECT TO ops USING (true);
    GRANT SELECT ON bedrock_provisionedmodel TO ops;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0012_unknown_resources")]
    operations: ClassVar = [migrations.RunSQL(OPS, migrations.RunSQL.noop)]
