"""What is wrong with a body in one sentence, for those who read an error's `detail` alone."""

from typing import Any

from rest_framework.settings import api_settings


def first_named(errors: Any) -> str:
    """Return the first error with the path to its field, as `days.conversations: ...`."""
    path: list[str] = []
    while isinstance(errors, dict | list) and errors:
        if isinstance(errors, dict):
            name, errors = next(iter(errors.items()))
            path.append(str(name))
            continue
        place = next((number for number, each in enumerate(errors) if each), 0)
        errors = errors[place]
        if isinstance(errors, dict | list):
            path.append(str(place))
    field = ".".join(name for name in path if name != api_settings.NON_FIELD_ERRORS_KEY)
    return f"{field}: {errors}" if field else str(errors or "")
