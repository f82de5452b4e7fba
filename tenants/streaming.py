"""Long answers, sent part by part while they are made."""

from collections.abc import AsyncIterator, Generator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from tenants.context import TenantContext, current, in_tenant


def streamed(
    request: HttpRequest, parts: Iterator[bytes], content_type: str
) -> StreamingHttpResponse:
    """Answer with `parts`, of which one at a time is in memory, each made inside the tenant.

    Under ASGI Django would gather a plain generator's parts before it sends the first.
    """
    tenant = current()
    content = _pulled(tenant, parts) if isinstance(request, ASGIRequest) else parts
    return StreamingHttpResponse(content, content_type=content_type)


async def _pulled(tenant: TenantContext, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        while (part := await in_tenant(tenant, lambda: next(parts, None))) is not None:
            yield part
    finally:
        if isinstance(parts, Generator):
            parts.close()  # also when the client went away
