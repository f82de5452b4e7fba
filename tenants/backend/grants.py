"""SQL for the rights on `public` tables, for migrations.

Two kinds of table stand in `public` beside the registry: rows that belong to tenants (the ledger
and its kin) and data shared by all (plans, prices, models). Every tenant's role is a member of the
group role `tenant`; a policy compares the row's tenant with the role that runs the statement.
"""

from typing import Final

TENANT_ROW: Final = "'t_' || replace(tenant_id::text, '-', '') = current_user"


def tenant_rows_sql(table: str, *, rights: str = "SELECT, INSERT, UPDATE") -> str:
    """Guard a table of tenants' rows: each tenant reaches its own, staff and ops reach all.

    `rights` are the tenant's; leave UPDATE out for an append-only table. Staff only read.
    """
    return f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        CREATE POLICY tenant_rows ON {table} TO tenant
            USING ({TENANT_ROW}) WITH CHECK ({TENANT_ROW});
        CREATE POLICY staff_rows ON {table} TO staff USING (true);
        CREATE POLICY ops_rows ON {table} TO ops USING (true) WITH CHECK (true);
        GRANT {rights} ON {table} TO tenant;
        GRANT SELECT ON {table} TO staff;
        GRANT {rights} ON {table} TO ops;
    """


def shared_rows_sql(table: str) -> str:
    """Open a table of shared data: everyone reads, staff edit."""
    return f"""
        GRANT SELECT ON {table} TO tenant, app_public, ops;
        GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO staff;
    """


def shared_sequence_sql(sequence: str) -> str:
    """Let staff insert into a shared table whose key is a sequence."""
    return f"GRANT USAGE, SELECT ON SEQUENCE {sequence} TO staff;"
