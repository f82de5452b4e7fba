"""The OpenAPI document, made once by a process: anyone may ask for it, as often as they like."""

from typing import Any, ClassVar

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator

from config.parameters import DESCRIBING


class Document(SchemaGenerator):
    """Makes the document once for each language: that takes about half a second of a core."""

    _made: ClassVar[dict[str, Any]] = {}

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        """Return the document, which no reader may change. It says the same to everybody."""
        language = get_language() or ""
        with DESCRIBING:
            if language not in self._made:
                made = super().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
                self._made[language] = made
        return self._made[language]
