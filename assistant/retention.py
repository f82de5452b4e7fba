"""Conversations and kept texts that are older than the workspace keeps them."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from assistant.frames import frames_forget
from assistant.models import Conversation, WrittenText
from documents.attaching import attached_delete
from tenants.context import SYSTEM, TenantContext

AT_ONCE: Final = 200


def _over(before: datetime) -> QuerySet[Conversation]:
    return Conversation.objects.filter(updated_at__lt=before)


def conversations_over(_tenant: TenantContext, before: datetime) -> int:
    """Return how many of the entered tenant's conversations would go."""
    return _over(before).count()


def conversations_retire(_tenant: TenantContext, before: datetime) -> int:
    """Delete them with their messages and files, some at once; return how many."""
    gone = 0
    while ids := list(_over(before).values_list("id", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            attached_delete(SYSTEM, ids)
            Conversation.objects.filter(id__in=ids).delete()
        for conversation_id in ids:
            frames_forget(conversation_id)
        gone += len(ids)
    return gone


def _texts_over(before: datetime) -> QuerySet[WrittenText]:
    return WrittenText.objects.filter(updated_at__lt=before)


def texts_over(_tenant: TenantContext, before: datetime) -> int:
    """Return how many of the entered tenant's kept texts would go."""
    return _texts_over(before).count()


def texts_retire(_tenant: TenantContext, before: datetime) -> int:
    """Delete them with their versions, some at once; return how many."""
    gone = 0
    while ids := list(_texts_over(before).values_list("id", flat=True)[:AT_ONCE]):
        WrittenText.objects.filter(id__in=ids).delete()
        gone += len(ids)
    return gone
