"""After a restore: files that were erased since the backup do not come back with their rows."""

from documents.models import Document
from tenants.objects import objects_list


def files_missing() -> str:
    """Say how many documents have text and passages again, and no file to download."""
    there = set(objects_list("documents"))
    keys = Document.objects.values_list("object_key", flat=True)
    count = sum(key not in there for key in keys.iterator())
    return f"{count} have no file any more: take these objects from the bucket's versions"
