"""Ingest one document and die by SIGKILL at a stage: `python -m tests.documents.crash`.

Arguments: tenant's id, document's id, the function of `documents.ingestion` at which to die, which
of its calls that is, and `before` or `after`.
"""

import os
import signal
import sys
from typing import Any
from uuid import UUID

import django

if __name__ == "__main__":
    tenant_id, document_id, name, call, when = sys.argv[1:]
    django.setup()
    from documents import ingestion
    from tenants.context import entered
    from tenants.registry.selectors import tenant_by_id

    real = getattr(ingestion, name)
    calls = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying(*args: Any, **kwargs: Any) -> Any:
        global calls
        calls += 1
        if calls == int(call) and when == "before":
            die()
        result = real(*args, **kwargs)
        if calls == int(call):
            die()
        return result

    setattr(ingestion, name, dying)
    with entered(tenant_by_id(UUID(tenant_id))):
        ingestion.ingest(UUID(document_id))
