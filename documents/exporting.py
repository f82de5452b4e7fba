"""Documents in the workspace's archive: as they were uploaded, by the names that people know."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from documents.models import Document

NAME_CHARACTERS: Final = 100
_UNFIT: Final = re.compile(r"[^\w -]+")


def originals_named() -> Iterator[tuple[str, str]]:
    """Yield of each document of the entered workspace the stored object, and its file's name."""
    rows = Document.objects.values_list("id", "name", "object_key")
    for id_, name, key in rows.iterator():
        whole = PurePosixPath(name.replace("/", " "))
        stem = _UNFIT.sub("", whole.stem).strip()[:NAME_CHARACTERS] or "document"
        ending = _UNFIT.sub("", whole.suffix)[:10]
        yield key, f"{stem} {id_}{'.' if ending else ''}{ending}"
