"""A worker that is killed at any stage loses nothing and doubles nothing."""

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from config.stack.options import REPOSITORY
from documents.ingestion import BATCH
from documents.models import Document, StagedBatch
from tenants.context import entered
from tests.documents.helpers import indexed, ingested, ready, upload
from tests.support import files
from tests.support.cast import MAX
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws
from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)

DATA = files.long_pdf(50)


def killed(worker: Worker, document_id: str, stage: str) -> None:
    """Run the ingestion in a process of its own that dies at the stage."""
    died = subprocess.run(
        [
            sys.executable,
            *("-m", "tests.documents.crash", str(tenant_of(MAX).id), document_id, *stage.split()),
        ],
        env=worker.environment("app"),
        cwd=REPOSITORY,
        timeout=60,
        capture_output=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()


@pytest.mark.parametrize(
    ("stage", "staged"),
    [
        ("object_get 1 after", 0),
        ("parse 1 after", 0),
        ("chunk 1 before", 0),
        ("embed 2 before", 1),
        ("embed 2 after", 1),
        ("source_index 1 before", 2),
        ("source_index 1 after", 2),
    ],
)
def test_a_killed_ingestion_is_finished_by_the_next(
    worker: Worker, localaws: LocalAws, stage: str, staged: int
) -> None:
    whole = indexed(ready("whole.pdf", DATA).id)
    assert BATCH < len(whole["chunks"]) <= 2 * BATCH
    document_id = upload("killed.pdf", DATA).json()["id"]
    killed(worker, document_id, stage)
    with entered(tenant_of(MAX)):
        document = Document.objects.get(id=document_id)
        assert document.in_flight
        assert document.lease_token is not None
        assert StagedBatch.objects.filter(document_id=document_id).count() == staged
        assert indexed(document_id)["sources"] == 0
        # As if the dead holder's lease had run out.
        Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    localaws.reset()
    document = ingested(document_id)
    assert (document.status, document.progress) == ("ready", 1.0)
    assert indexed(document_id) == whole
    embedded = len(localaws.requests("InvokeModel"))
    assert embedded == len(whole["chunks"]) - min(staged * BATCH, len(whole["chunks"]))
    with entered(tenant_of(MAX)):
        assert not StagedBatch.objects.exists()
        assert Document.objects.count() == 2
