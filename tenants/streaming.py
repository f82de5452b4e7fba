"""Long answers, sent part by part while they are made."""

from collections.abc import Iterator
from threading import Lock

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from tenants.context import TenantContext, current, in_tenant


def streamed(
    request: HttpRequest, parts: Iterator[bytes], content_type: str
) -> StreamingHttpResponse:
    """Answer with `parts`, of which one at a time is in memory, each made inside the tenant.

    Under ASGI Django would gather a plain generator's parts before it sends the first. Closing the
    answer closes `parts`, also where the client went away before the first.
    """
    content = _Pulled(current(), parts) if isinstance(request, ASGIRequest) else parts
    return StreamingHttpResponse(content, content_type=content_type)


class _Pulled:
    """Parts for an asynchronous answer, each fetched in a worker thread."""

    def __init__(self, tenant: TenantContext, parts: Iterator[bytes]) -> None:
        self._tenant = tenant
        self._parts = parts
        self._pulling = Lock()

    def __aiter__(self) -> "_Pulled":
        return self

    async def __anext__(self) -> bytes:
        part = await in_tenant(self._tenant, self._next)
        if part is None:
            raise StopAsyncIteration
        return part

    def _next(self) -> bytes | None:
        with self._pulling:
            return next(self._parts, None)

    def close(self) -> None:
        """Let go of what the parts come from; Django calls it when the answer is over.

        A client may leave while a thread still fetches the next part: that is waited for.
        """
        with self._pulling:
            if close := getattr(self._parts, "close", None):
                close()
