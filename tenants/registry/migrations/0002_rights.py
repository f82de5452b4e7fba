"""Who may read and write the registry and the staff's own tables in `public`."""

from typing import ClassVar

from django.db import migrations

STAFF_TABLES = (
    "registry_tenant, registry_domain, accounts_user, accounts_user_groups,"
    " accounts_user_user_permissions, accounts_apikey, accounts_auditevent, auth_group,"
    " auth_permission, auth_group_permissions, django_content_type, django_session,"
    " django_admin_log"
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("registry", "0001_initial"),
        ("accounts", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]
    operations: ClassVar = [
        migrations.RunSQL(
            f"""
            GRANT SELECT ON registry_tenant, registry_domain TO app_public, ops;
            GRANT SELECT, INSERT, UPDATE, DELETE ON {STAFF_TABLES} TO staff;
            """,
            f"""
            REVOKE ALL ON {STAFF_TABLES} FROM staff;
            REVOKE ALL ON registry_tenant, registry_domain FROM app_public, ops;
            """,
        )
    ]
