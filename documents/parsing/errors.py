"""Why a file is refused: a stable code, and a sentence that says what to do next."""

from __future__ import annotations

from typing import Any

from documents.parsing.model import DEFAULT, MAX_FILE_BYTES
from documents.parsing.ocr import PAGES
from tenants.errors import TenantryError

_MB = 1024 * 1024


class ParsingError(TenantryError):
    """The file cannot become text. Trying the same bytes again gives the same answer."""

    code = "unreadable_file"
    status = 422
    retryable = False
    title = "This file cannot be read."


class BadName(ParsingError):
    code = "bad_name"
    title = "This file has no usable name. Rename it and upload it again."


class UnsupportedType(ParsingError):
    code = "unsupported_type"
    status = 415
    title = (
        "This kind of file is not supported, or its content does not match its name. "
        "Upload a PDF, Word (.docx), PowerPoint (.pptx), Excel (.xlsx), Markdown, plain text, "
        "HTML, CSV or e-mail (.eml) file."
    )


class FileTooLarge(ParsingError):
    code = "file_too_large"
    status = 413
    title = (
        f"This file is larger than {MAX_FILE_BYTES // _MB} MB. "
        "Split it or reduce its images, then upload it again."
    )


class EmptyFile(ParsingError):
    code = "empty_file"
    title = "This file is empty. Check it on your device and upload it again."


class EncryptedFile(ParsingError):
    code = "encrypted_file"
    title = "This file is protected by a password. Save a copy without it and upload that."


class CorruptFile(ParsingError):
    code = "corrupt_file"
    title = "This file is damaged. Open it in its own program, save it again and upload that."


class ArchiveBomb(ParsingError):
    code = "archive_bomb"
    title = "This file unpacks to far more than a document holds, so it was not opened."


class ParseTimeout(ParsingError):
    code = "parse_timeout"
    title = "Reading this file took too long. Split it into smaller files and upload those."


class ParseMemory(ParsingError):
    code = "parse_memory"
    title = "Reading this file needs too much memory. Split it into smaller files."


class NoText(ParsingError):
    code = "no_text"
    title = (
        "No text was found in this file. If it is a scan, run text recognition on it "
        "and upload the result."
    )


SCAN_WITHOUT_OCR = (
    "No text was found in this file. It may be a scan, and text recognition (OCR) is not installed "
    "here. Run it on the file and upload the result, or ask who runs this product to install it."
)
PICTURE_WITHOUT_OCR = (
    "Pictures are read by text recognition (OCR), which is not installed here. Upload a document "
    "with text, or ask who runs this product to install it."
)


class TooManyScans(ParsingError):
    code = "too_many_scans"
    title = (
        f"More than {PAGES} pages of this file are scans, which is the most that text recognition "
        "reads of one file. Split it and upload the parts."
    )


class TooManyPixels(ParsingError):
    code = "too_many_pixels"
    title = "This picture has more than 40 million pixels. Make it smaller and upload it again."


class TooManyPages(ParsingError):
    code = "too_many_pages"
    title = f"This file has more than {DEFAULT.pages:,} pages. Split it and upload the parts."


class TooMuchText(ParsingError):
    code = "too_much_text"
    title = (
        f"This file holds more than {DEFAULT.characters:,} characters of text. "
        "Split it and upload the parts."
    )


BY_CODE: dict[str, type[ParsingError]] = {
    error.code: error
    for error in (
        BadName,
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
