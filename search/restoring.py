"""After a restore: what Knowledge Bases hold is of another time than the workspace's passages."""

from django.db.models.functions import Now

from search.copies import State
from search.models import KnowledgeCopy, RetrievalMove


def copies_restored() -> str:
    """Have every copy sent again, and give up a move that was under way at the backup's time.

    Copies of passages that no longer exist fall out of every answer by their numbers; where the
    workspace has moved since, the recovery of copies brings its passages to where they belong.
    """
    RetrievalMove.objects.filter(finished_at=None).update(finished_at=Now())
    copies = KnowledgeCopy.objects.exclude(state__in=[State.DELETE, State.LEAVING])
    count = copies.update(state=State.PUT, attempts=0, changed_at=Now())
    return f"{count} passages are sent to the Knowledge Base again"
