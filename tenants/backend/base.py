"""PostgreSQL with one database role per tenant.

django-tenants sets a search path; this backend sets the tenant's role with it, in one statement,
when a cursor opens for another tenant than the last. A path alone is a convention, a role is a
right: a wrong path then gives an error, not rows.

Session settings are undone by ROLLBACK and ROLLBACK TO SAVEPOINT and lost on close, so the record
of what was set is forgotten there. Stock django-tenants swallows every error of its SET; here only
the refusal inside an already failed transaction passes, since whatever follows fails too.
"""

import os
from typing import Any

from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.utils import DataError, InternalError, ProgrammingError
from django_tenants.postgresql_backend.base import DatabaseWrapper as TenantsDatabaseWrapper
from psycopg.pq import TransactionStatus

import tenants.backend.halves  # noqa: F401 - before the first connection, which copies the adapters
from tenants.backend.pool import is_gone, reset_standing, set_standing
from tenants.context import statement_guard


class PlannedCursor(ServerBindingCursor):
    """A cursor whose statements PostgreSQL plans once for a connection, where it keeps plans."""

    def execute(self, query: Any, params: Any = None) -> Any:
        return super().execute(query, params, prepare=True)  # type: ignore[misc]


class DatabaseWrapper(TenantsDatabaseWrapper):
    """A connection that stands in exactly one schema as exactly one role."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.login = os.environ.get("DATABASE_LOGIN", "app")
        self.role = "none"
        self._applied: tuple[str, str | None, bool] | None = None
        self._setting_search_path = False
        super().__init__(*args, **kwargs)
        if self.login != "owner":
            self.execute_wrappers.append(statement_guard)

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        """Stand in `tenant.schema_name` from the next cursor on; the connection is not touched."""
        super().set_tenant(tenant, include_public)
        self.role = getattr(tenant, "role", None) or self._default_role(tenant.schema_name)

    def _default_role(self, schema_name: str) -> str:
        if schema_name == "public":
            return "app_public" if self.login == "app" else self.login
        return schema_name

    def _session_role(self) -> str:
        """The value for SET ROLE: the owner's and the ops' logins act in their own name."""
        return "none" if self.login == "owner" or self.role == self.login else self.role

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a new connection, or one of the pool's whose other end is still there."""
        while True:
            raw = super().get_new_connection(conn_params)
            if not self.pool or not is_gone(raw):
                return raw
            raw.close()
            self.pool.putconn(raw)  # which makes another in its place

    def close(self) -> None:
        self._applied = None
        super().close()

    def _close(self) -> None:
        # Here and not as the pool's own `reset`, which would pass it to another thread.
        if self.connection is not None and self.pool:
            reset_standing(self.connection)
        super()._close()

    def commit(self) -> None:
        # PostgreSQL answers the COMMIT of a failed transaction by rolling back, without an error.
        failed = (
            self.connection is not None
            and self.connection.info.transaction_status == TransactionStatus.INERROR
        )
        super().commit()
        if failed:
            self._applied = None

    def rollback(self) -> None:
        self._applied = None
        super().rollback()

    def savepoint_rollback(self, sid: str) -> None:
        try:
            super().savepoint_rollback(sid)
        finally:
            # After, not before: the rollback's own cursor would set it again only to undo it.
            self._applied = None

    def _get_cursor_search_paths(self) -> list[str]:
        # Types and operators (pgvector) live in a schema of their own, without tables. Not through
        # PG_EXTRA_SEARCH_PATHS: with it, django-tenants queries the database while apps load.
        return [*super()._get_cursor_search_paths(), "extensions"]

    def planned(self) -> Any:
        """Return a cursor for a statement that recurs and takes longer to plan than to carry out.

        A plan is of the path that it was made under: under another tenant's, PostgreSQL makes it
        anew, of that tenant's tables.
        """
        self.ensure_connection()
        self.take_standing()
        with self.wrap_database_errors:
            return self._prepare_cursor(PlannedCursor(self.connection))  # type: ignore[call-arg]

    def take_standing(self) -> None:
        """Stand where `set_tenant` said, for a cursor that was opened before."""
        self._handle_search_path()

    def _handle_search_path(self, cursor: Any = None) -> None:
        if self._setting_search_path:
            return
        wanted = (self.role, self.schema_name, self.include_public_schema)
        if self._applied == wanted:
            return
        path = ", ".join(f'"{name}"' for name in self._get_cursor_search_paths())
        self._setting_search_path = True
        try:  # below Django's cursor: setting the standing is not a guarded statement
            with self.wrap_database_errors:
                set_standing(self.connection, self._session_role(), path)
        except DataError as error:  # no such role; of a request's values none is at fault
            raise ProgrammingError(*error.args) from error
        except InternalError:  # the transaction has failed already: so will what comes next
            if self.connection.info.transaction_status != TransactionStatus.INERROR:
                raise
            self._applied = None
        else:
            self._applied = wanted
        finally:
            self._setting_search_path = False
