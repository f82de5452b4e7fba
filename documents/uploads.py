"""What an upload request may be, and what its file is called."""

import re
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import (
    FileUploadHandler,
    MemoryFileUploadHandler,
    TemporaryFileUploadHandler,
)
from django.utils.text import Truncator

from documents.parsing import MAX_FILE_BYTES, NAME_CHARACTERS
from documents.parsing.errors import FileTooLarge

REQUEST_BYTES: Final = MAX_FILE_BYTES + 64 * 1024  # the file and the form around it
_IN_FORMS: Final = re.compile("%0D%0A|%0D|%0A|%22")


class _Named(FileUploadHandler):
    """Keep the name that a file was sent under: Django cuts the one that a file has to 255."""

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        self.sent = file_name
        super().new_file(field_name, "upload", *args, **kwargs)  # no part of a path on a disk

    def file_complete(self, file_size: int) -> UploadedFile | None:
        file = super().file_complete(file_size)
        if file is not None:
            file.name = self.sent
            vars(file)["sent_name"] = self.sent
        return file


class InMemory(_Named, MemoryFileUploadHandler):
    """Small files."""


class OnDisk(_Named, TemporaryFileUploadHandler):
    """All others."""


def declared_size_check(content_length: str | None) -> None:
    """Refuse a request by its declared size, before its body is read into files.

    Raises FileTooLarge.
    """
    if content_length and content_length.isdecimal() and int(content_length) > REQUEST_BYTES:
        raise FileTooLarge(limit=MAX_FILE_BYTES)


def sent_name(file: UploadedFile) -> str:
    """Return a file's whole name as it was before its browser put it into a form.

    There a browser writes a line's end or a quotation mark of a name in per cent:
    https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    """
    name = getattr(file, "sent_name", file.name) or ""
    return _IN_FORMS.sub(lambda found: '"' if found[0] == "%22" else " ", name)


def shown_name(file: UploadedFile) -> str:
    """Return the name to put before what is said of a file, cut where it is no file's."""
    return Truncator(sent_name(file)).chars(NAME_CHARACTERS)
