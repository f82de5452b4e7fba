"""A workspace's own role renames it, by a function with the owner's rights: that row, no other."""

from typing import ClassVar

from django.db import migrations

# `p_before` is compared under the row's lock, so that of two at once the later one is told.
RENAME = """
    CREATE FUNCTION registry_rename(p_tenant uuid, p_before text, p_name text) RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        -- Inside, current_user is the owner; `role` is still what the caller had set.
        who text := current_setting('role');
    BEGIN
        IF who <> 't_' || replace(p_tenant::text, '-', '') THEN
            RAISE EXCEPTION '% may not rename this workspace', who USING ERRCODE = '42501';
        END IF;
        IF p_name !~ '\\S' THEN
            RAISE EXCEPTION 'a workspace has a name' USING ERRCODE = '23514';
        END IF;
        UPDATE public.registry_tenant SET name = p_name
         WHERE id = p_tenant AND name = p_before AND status = 'active';
        RETURN FOUND;
    END $$;
    REVOKE EXECUTE ON FUNCTION registry_rename(uuid, text, text) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION registry_rename(uuid, text, text) TO tenant;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("registry", "0020_region_progress")]
    operations: ClassVar = [migrations.RunSQL(RENAME, "DROP FUNCTION registry_rename")]
