"""Documents that are older than the workspace keeps them."""

from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from documents.models import Document
from documents.services import documents_expire
from tenants.context import TenantContext

AT_ONCE: Final = 100


def _over(before: datetime) -> QuerySet[Document]:
    # What is attached to something is kept as long as that.
    return Document.objects.filter(created_at__lt=before, attached_to=None)


def documents_over(_tenant: TenantContext, before: datetime) -> int:
    """Return how many of the entered tenant's documents would go."""
    return _over(before).count()


def documents_retire(_tenant: TenantContext, before: datetime) -> int:
    """Delete them as a user would, each on record, some at once; return how many."""
    gone = 0
    while ids := list(_over(before).values_list("id", flat=True)[:AT_ONCE]):
        documents_expire(ids)
        gone += len(ids)
    return gone
