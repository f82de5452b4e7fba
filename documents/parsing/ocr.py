"""Text recognition (OCR): an extra that may be installed beside the product, `pip install .[ocr]`.

The recognizer runs in the limited child alone (`readers/recognizer.py`); here is asked only whether
it is there, and what it may use.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.util import find_spec

from documents.parsing.model import DEFAULT, Limits

PAGES = 100
"""Pages of one file that are read by recognition."""

LIMITS: Limits = replace(
    DEFAULT,
    wall_seconds=540.0,  # below the limit of a task
    cpu_seconds=600,
    memory_bytes=1536 * 1024 * 1024,
    recognized_pages=PAGES,
)


@cache
def ocr_installed() -> bool:
    """Return whether the extra is installed where this process runs."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None
