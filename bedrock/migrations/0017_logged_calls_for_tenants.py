"""A workspace reads what AWS logged of its own calls: never where the shared raw log lies."""

from typing import ClassVar, Final

from django.db import migrations

RIGHTS: Final = """
    CREATE POLICY tenant_rows ON bedrock_loggedcall FOR SELECT TO tenant
        USING ('t_' || replace(tenant_id::text, '-', '') = current_user);
    GRANT SELECT (aws_request_id, region, at, operation, model_id, tenant_id, request_id, attempt,
                  error_code, units, state, content_key) ON bedrock_loggedcall TO tenant;
"""
UNDO: Final = """
    DROP POLICY tenant_rows ON bedrock_loggedcall;
    REVOKE ALL ON bedrock_loggedcall FROM tenant;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("bedrock", "0016_assistant_settings")]
    operations: ClassVar = [migrations.RunSQL(RIGHTS, UNDO)]
