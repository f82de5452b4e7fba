"""Why a file is refused: a stable code, and a sentence that says what to do next."""

from __future__ import annotations

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from documents.parsing.model import DEFAULT, MAX_FILE_BYTES, NAME_CHARACTERS
from documents.parsing.ocr import PAGES
from tenants.errors import TenantryError
from tenants.wording import grouped_lazy

_MB = 1024 * 1024


class ParsingError(TenantryError):
    """The file cannot become text. Trying the same bytes again gives the same answer."""

    code = "unreadable_file"
    status = 422
    retryable = False
    title = _("This file cannot be read.")


class BadName(ParsingError):
    code = "bad_name"
    title = _("This file has no usable name. Rename it and upload it again.")


class NameTooLong(ParsingError):
    code = "name_too_long"
    title = format_lazy(
        _("A document's name holds at most {most} characters. Shorten it."), most=NAME_CHARACTERS
    )


class UnsupportedType(ParsingError):
    code = "unsupported_type"
    status = 415
    title = _(
        "This kind of file is not supported, or its content does not match its name. "
        "Upload a PDF, Word (.docx), PowerPoint (.pptx), Excel (.xlsx), Markdown, plain text, "
        "HTML, CSV or email (.eml) file."
    )


class FileTooLarge(ParsingError):
    code = "file_too_large"
    status = 413
    title = format_lazy(
        _(
            "This file is larger than {most} MB. Split it or reduce its images, then "
            "upload it again."
        ),
        most=MAX_FILE_BYTES // _MB,
    )


class EmptyFile(ParsingError):
    code = "empty_file"
    title = _("This file is empty. Check it on your device and upload it again.")


class EncryptedFile(ParsingError):
    code = "encrypted_file"
    title = _("This file is protected by a password. Save a copy without it and upload that.")


class CorruptFile(ParsingError):
    code = "corrupt_file"
    title = _("This file is damaged. Open it in its own program, save it again and upload that.")


class ArchiveBomb(ParsingError):
    code = "archive_bomb"
    title = _("This file unpacks to far more than a document holds, so it was not opened.")


class ParseTimeout(ParsingError):
    code = "parse_timeout"
    title = _("Reading this file took too long. Split it into smaller files and upload those.")


class ParseMemory(ParsingError):
    code = "parse_memory"
    title = _("Reading this file needs too much memory. Split it into smaller files.")


class NoText(ParsingError):
    code = "no_text"
    title = _(
        "No text was found in this file. If it is a scan, run text recognition on it "
        "and upload the result."
    )


SCAN_WITHOUT_OCR = gettext_noop(
    "No text was found in this file. It may be a scan, and text recognition (OCR) is not installed "
    "here. Run it on the file and upload the result, or ask who runs this product to install it."
)
PICTURE_WITHOUT_OCR = gettext_noop(
    "Pictures are read by text recognition (OCR), which is not installed here. Upload a document "
    "with text, or ask who runs this product to install it."
)


class TooManyScans(ParsingError):
    code = "too_many_scans"
    title = format_lazy(
        _(
            "More than {most} pages of this file are scans, which is the most that text recognition"
            " reads of one file. Split it and upload the parts."
        ),
        most=PAGES,
    )


class TooManyPixels(ParsingError):
    code = "too_many_pixels"
    title = _("This picture has more than 40 million pixels. Make it smaller and upload it again.")


class TooManyPages(ParsingError):
    code = "too_many_pages"
    title = format_lazy(
        _("This file has more than {most} pages. Split it and upload the parts."),
        most=grouped_lazy(DEFAULT.pages),
    )


class TooMuchText(ParsingError):
    code = "too_much_text"
    title = format_lazy(
        _("This file holds more than {most} characters of text. Split it and upload the parts."),
        most=grouped_lazy(DEFAULT.characters),
    )


BY_CODE: dict[str, type[ParsingError]] = {
    error.code: error
    for error in (
        BadName,
        NameTooLong,
        UnsupportedType,
        FileTooLarge,
        EmptyFile,
        EncryptedFile,
        CorruptFile,
        ArchiveBomb,
        ParseTimeout,
        ParseMemory,
        NoText,
        TooManyScans,
        TooManyPixels,
        TooManyPages,
        TooMuchText,
    )
}


def error_for(code: str, **extra: Any) -> ParsingError:
    """Build the error that a refusal's code names; an unknown code is a damaged file."""
    return BY_CODE.get(code, CorruptFile)(**extra)
