"""Which embedding model each source's vectors are of: vectors of two models are never compared.

When another model serves, sources of the old one are still found by their words, and by their
meaning again as soon as they have been embedded anew (`documents/reembedding.py`).
"""

from django.db.models import QuerySet

from search.models import Source


def sources_of_others(model: str) -> QuerySet[Source]:
    """Return the sources whose vectors are of another model; some have none, only copies."""
    return Source.objects.exclude(embedding_model__in=[model, ""])
