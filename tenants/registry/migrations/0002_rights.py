"""Who may read and write the registry and the staff's own tables in `public`."""

from typing import ClassVar

from django.db import migrations

# What the staff admin does, and no more: workspaces are made by onboarding, people are disabled
# rather than deleted, and what was recorded stays.
STAFF_EDITS = (
    "auth_group, auth_group_permissions, accounts_user_groups, accounts_user_user_permissions,"
    " django_session, registry_domain"
)
STAFF_ADDS = "accounts_auditevent, django_admin_log"
STAFF_READS = "auth_permission, django_content_type"
ALL = f"{STAFF_EDITS}, {STAFF_ADDS}, {STAFF_READS}, accounts_user, registry_tenant"


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
            GRANT SELECT, INSERT, UPDATE, DELETE ON {STAFF_EDITS} TO staff;
            GRANT SELECT, INSERT ON {STAFF_ADDS} TO staff;
            GRANT SELECT ON {STAFF_READS} TO staff;
            GRANT SELECT, INSERT, UPDATE ON accounts_user TO staff;
            GRANT SELECT, UPDATE ON registry_tenant TO staff;
            """,
            f"""
            REVOKE ALL ON {ALL} FROM staff;
            REVOKE ALL ON registry_tenant, registry_domain FROM app_public, ops;
            """,
        )
    ]
