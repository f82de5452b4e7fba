"""Cache keys that carry the tenant."""

from tenants.context import current_or_none


def tenant_cache_key(key: str, key_prefix: str, version: int) -> str:
    """Build a key of the entered tenant; outside every tenant, of `public`.

    From the context variable, not from the connection: a thread's connection may still stand where
    it was last used.
    """
    tenant = current_or_none()
    return f"{key_prefix}:{tenant.id.hex if tenant else 'public'}:{version}:{key}"
