"""Turn an uploaded file into clean text with pages and headings.

Importing this package stays free of cost: the limited child process imports it too,
so the public names are resolved on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from documents.parsing.model import (
        DEFAULT,
        MAX_FILE_BYTES,
        NAME_CHARACTERS,
        Heading,
        Limits,
        MediaType,
        PageSpan,
        ParsedText,
        limits_for,
    )
    from documents.parsing.sandbox import parse
    from documents.parsing.sniff import detect, safe_name, whole_name

__all__ = [
    "DEFAULT",
    "MAX_FILE_BYTES",
    "NAME_CHARACTERS",
    "Heading",
    "Limits",
    "MediaType",
    "PageSpan",
    "ParsedText",
    "detect",
    "limits_for",
    "parse",
    "safe_name",
    "whole_name",
]

_HOMES = {"detect": "sniff", "safe_name": "sniff", "whole_name": "sniff", "parse": "sandbox"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'model')}"), name)
