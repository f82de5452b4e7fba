"""Values held against a botocore shape: requests as the services check them, answers strictly.

botocore's own validator knows types, required members and lower bounds; services also refuse by
upper bounds, patterns and enumerations, in the words that Smithy's servers use.
https://smithy.io/2.0/spec/constraint-traits.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from botocore.model import Shape

from localaws.errors import AwsError, invalid

_DEPTH = 100  # levels of nesting in one body
_BITS = {"integer": 31, "long": 63}
# Where the service takes more than its model says.
_LONGEST = {"GuardrailTopicDefinition": 1000, "BrandedName": 256}
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


# Requests -----------------------------------------------------------------------------------


def accepted(shape: Shape, value: Any) -> Any:
    """A request's value without nulls and unknown members; all that is wrong in one error."""
    wrong: list[str] = []
    kept = _kept(shape, value, "", wrong, 0)
    if wrong:
        errors = "errors" if len(wrong) > 1 else "error"
        raise invalid(f"{len(wrong)} validation {errors} detected: " + "; ".join(wrong[:10]))
    return kept


def _kept(shape: Shape, value: Any, path: str, wrong: list[str], depth: int) -> Any:
    if depth > _DEPTH:
        raise AwsError("SerializationException", "The body is nested too deeply.")
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return _document(value, depth)
    if kind == "structure" and isinstance(value, dict):
        return _structure(shape, value, path, wrong, depth)
    if kind == "list" and isinstance(value, list):
        wrong += _constraints(shape, value, path)
        member = shape.member  # type: ignore[attr-defined]
        return [
            _kept(member, item, f"{path}.{at + 1}.member" if path else str(at), wrong, depth + 1)
            for at, item in enumerate(value)
        ]
    if kind == "map" and isinstance(value, dict):
        wrong += _constraints(shape, value, path)
        key_shape, member = shape.key, shape.value  # type: ignore[attr-defined]
        for key in value:
            wrong += _constraints(key_shape, key, f"{path}.key")
        return {
            key: _kept(member, item, f"{path}.{key}", wrong, depth + 1)
            for key, item in value.items()
            if item is not None
        }
    if not _of_type(shape, value):
        raise AwsError("SerializationException", f"The value at '{path}' is not a {kind}.")
    wrong += _constraints(shape, value, path)
    return value


def _structure(shape: Any, value: dict[str, Any], path: str, wrong: list[str], depth: int) -> Any:
    found = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        given = value.get(name) if name in value else value.get(wire)
        if given is not None:
            where = f"{path}.{name}" if path else name
            found[name] = _kept(member, given, where, wrong, depth + 1)
    wrong += [
        f"Value null at '{path + '.' if path else ''}{name}' failed to satisfy constraint: Member "
        "must not be null"
        for name in shape.required_members
        if name not in found
    ]
    if shape.is_tagged_union and len(found) != 1:
        raise invalid(
            f"{shape.name} object at {path} must set one of the following keys: "
            f"{', '.join(shape.members)}."
        )
    return found


def _document(value: Any, depth: int) -> Any:
    if depth > _DEPTH:
        raise AwsError("SerializationException", "The body is nested too deeply.")
    if isinstance(value, dict):
        return {key: _document(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_document(item, depth + 1) for item in value]
    if isinstance(value, str):
        _unicode(value)
    return value


def _unicode(text: str) -> bool:
    """Refuse half of a surrogate pair, which JSON can carry and UTF-8 cannot."""
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise AwsError("SerializationException", "The body holds a lone surrogate.") from None
    return True


def _of_type(shape: Shape, value: Any) -> bool:
    match shape.type_name:
        case "string" | "character":
            return isinstance(value, str) and _unicode(value)
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "long":
            whole = isinstance(value, int) and not isinstance(value, bool)
            return whole and -(2 ** _BITS[shape.type_name]) <= value < 2 ** _BITS[shape.type_name]
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "timestamp":
            return isinstance(value, str | int | float) and not isinstance(value, bool)
        case "blob":
            return isinstance(value, str | bytes)
    return False


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text.replace("/d", r"\d"))  # bedrock-agent's ARNs are so misspelt
    except re.error:  # a few patterns are of another dialect
        return None


def _constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What the shape's traits forbid, in Smithy's words."""
    metadata = shape.metadata
    told = f"Value at '{path}' failed to satisfy constraint: Member must"
    number = shape.type_name in ("integer", "long", "float", "double")
    text = shape.type_name in ("string", "character")
    if not text and not number and shape.type_name not in ("list", "map", "blob"):
        return
    size = value if number else len(value)
    measured = "have value" if number else "have length"
    if "min" in metadata and size < metadata["min"]:
        yield f"{told} {measured} greater than or equal to {metadata['min']}"
    most = _LONGEST.get(shape.name, metadata.get("max"))
    if most is not None and size > most and not _encoded(shape, value):
        yield f"{told} {measured} less than or equal to {most}"
    if not text:
        return
    if "enum" in metadata and value not in metadata["enum"]:
        yield f"{told} satisfy enum value set: [{', '.join(metadata['enum'])}]"
    pattern = _pattern(metadata["pattern"]) if "pattern" in metadata else None
    if pattern is not None and not pattern.search(value):
        yield f"{told} satisfy regular expression pattern: {metadata['pattern']}"


def _encoded(shape: Shape, value: Any) -> bool:
    """Whether a blob is within bounds once its base64 is undone."""
    if shape.type_name != "blob" or not isinstance(value, str):
        return False
    return bool(len(value) * 3 // 4 <= shape.metadata["max"])


# Answers ------------------------------------------------------------------------------------


def differences(
    shape: Shape, value: Any, path: str = "", *, dates: str = "unixTimestamp"
) -> list[str]:
    """Where a decoded JSON answer is not what the model says, unknown members included."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return []
    if kind == "structure" and isinstance(value, dict):
        members: dict[str, Shape] = shape.members  # type: ignore[attr-defined]
        names = {m.serialization.get("name", name): m for name, m in members.items()}
        odd = [f"{path}.{name} is not modelled" for name in value if name not in names]
        odd += [
            f"{path}.{name} is missing"
            for name in shape.required_members
            if members[name].serialization.get("name", name) not in value
            and "location" not in members[name].serialization
        ]
        if shape.is_tagged_union and len(value) != 1:  # type: ignore[attr-defined]
            odd.append(f"{path} sets {sorted(value)} of a union")
        for name in value.keys() & names.keys():
            odd += differences(names[name], value[name], f"{path}.{name}", dates=dates)
        return odd
    if kind == "list" and isinstance(value, list):
        member = shape.member  # type: ignore[attr-defined]
        nested = [differences(member, v, f"{path}[{i}]", dates=dates) for i, v in enumerate(value)]
        return [*_constraints(shape, value, path), *(odd for found in nested for odd in found)]
    if kind == "map" and isinstance(value, dict):
        member = shape.value  # type: ignore[attr-defined]
        nested = [differences(member, v, f"{path}.{k}", dates=dates) for k, v in value.items()]
        return [odd for found in nested for odd in found]
    if not _of_type(shape, value):
        return [f"{path} is {value!r:.60}, not a {kind}"]
    if kind == "timestamp":
        wanted = shape.serialization.get("timestampFormat", dates)
        text = isinstance(value, str)
        fits = text and bool(_ISO.fullmatch(value)) if wanted == "iso8601" else not text
        return [] if fits else [f"{path} is {value!r:.60}, not a timestamp as {wanted}"]
    return list(_constraints(shape, value, path))
