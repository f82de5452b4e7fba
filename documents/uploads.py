"""What an upload request may be, and what its file is called."""

import re
from typing import Final

from django.core.files.uploadedfile import UploadedFile

from documents.parsing import MAX_FILE_BYTES
from documents.parsing.errors import FileTooLarge

REQUEST_BYTES: Final = MAX_FILE_BYTES + 64 * 1024  # the file and the form around it
_IN_FORMS: Final = re.compile("%0D%0A|%0D|%0A|%22")


def declared_size_check(content_length: str | None) -> None:
    """Refuse a request by its declared size, before its body is read into files.

    Raises FileTooLarge.
    """
    if content_length and content_length.isdecimal() and int(content_length) > REQUEST_BYTES:
        raise FileTooLarge(limit=MAX_FILE_BYTES)


def sent_name(file: UploadedFile) -> str:
    """Return a file's name as it was before its browser put it into a form.

    There a browser writes a line's end or a quotation mark of a name in per cent:
    https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    """
    return _IN_FORMS.sub(lambda found: '"' if found[0] == "%22" else " ", file.name or "")
