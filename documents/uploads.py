"""What an upload request may be."""

from typing import Final

from documents.parsing import MAX_FILE_BYTES
from documents.parsing.errors import FileTooLarge

REQUEST_BYTES: Final = MAX_FILE_BYTES + 64 * 1024  # the file and the form around it


def declared_size_check(content_length: str | None) -> None:
    """Refuse a request by its declared size, before its body is read into files.

    Raises FileTooLarge.
    """
    if content_length and content_length.isdecimal() and int(content_length) > REQUEST_BYTES:
        raise FileTooLarge(limit=MAX_FILE_BYTES)
