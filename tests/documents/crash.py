"""Ingest one document and die by SIGKILL at a stage: `python -m tests.documents.crash`.

Arguments: tenant's id, document's id, the function of `documents.ingestion` at which to die (or of
another module: `documents.vectors:embed`), which of its calls that is, and `before` or `after`. A
sixth, `job`, says that the id is a batch job's, which is taken on instead.
"""

import importlib
import os
import signal
import sys
from typing import Any
from uuid import UUID

import django

if __name__ == "__main__":
    tenant_id, subject_id, name, call, when, *what = sys.argv[1:]
    django.setup()
    from bedrock import batch
    from documents import batching, ingestion
    from tenants.context import entered
    from tenants.registry.selectors import tenant_by_id

    module, _, name = name.rpartition(":")
    where = importlib.import_module(module or "documents.ingestion")
    real = getattr(where, name)
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

    setattr(where, name, dying)
    with entered(tenant_by_id(UUID(tenant_id))):
        if what:
            while batch.job_advance(UUID(subject_id), batching.DocumentSource()) is not None:
                pass
        else:
            ingestion.ingest(UUID(subject_id))
