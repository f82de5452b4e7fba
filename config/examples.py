"""An example of each REST operation, in curl and in Python, made from the OpenAPI document."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any, Final

from config.examplebodies import BODIES

_PLACE: Final = re.compile(r"\{(\w+)\}")
_IDS: Final = re.compile(r'"\{(\w+)\}"')  # of a body: a text that is a variable alone
_BY_FORMAT: Final = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "decimal": "1.00",
}
WIDTH: Final = 76  # of a line of an example
_DEEPEST: Final = 6  # a schema may hold itself


@dataclass(frozen=True, slots=True)
class Example:
    """A request as one types it; the ids in its address and body are variables."""

    curl: str
    python: str


def example_of(
    schema: Mapping[str, Any], path: str, method: str, found: Mapping[str, Any]
) -> Example:
    """Return the example of an operation, with a body that its schema allows."""
    content = found.get("requestBody", {}).get("content", {})
    upload = "multipart/form-data" in content
    body = None
    if not upload and "application/json" in content:
        body = BODIES.get(found["operationId"])
        if body is None:
            body = value_of(schema, content["application/json"]["schema"])
    address = _PLACE.sub(lambda place: "${" + place[1].upper() + "}", path)
    lines = [
        f'curl -X {method.upper()} "$WORKSPACE{address}"',
        '-H "Authorization: Bearer $KEY"',
    ]
    given = ""
    if upload:
        lines.append('-F "file=@report.pdf"')
        given = '    files={"file": open("report.pdf", "rb")},\n'
    elif body is not None:
        lines.append('-H "Content-Type: application/json"')
        told = quote(json.dumps(body, ensure_ascii=False))
        lines.append("-d " + _PLACE.sub(lambda place: f"'\"${place[1].upper()}\"'", told))
        given = f"    json={_IDS.sub(lambda place: place[1], literal(body, 4))},\n"
    names = dict.fromkeys([*_PLACE.findall(path), *_IDS.findall(json.dumps(body))])
    ids = "".join(f'{name} = os.environ["{name.upper()}"]\n' for name in names)
    text = "f" if _PLACE.search(path) else ""
    python = (
        "import os\n\nimport requests\n\n"
        f"{ids}"
        "answer = requests.request(\n"
        f'    "{method.upper()}",\n'
        f'    os.environ["WORKSPACE"] + {text}"{path}",\n'
        '    headers={"Authorization": "Bearer " + os.environ["KEY"]},\n'
        f"{given}"
        "    timeout=60,\n"
        ")\n"
        "answer.raise_for_status()\n"
        "print(answer.text)"
    )
    return Example(" \\\n  ".join(lines), python)


def literal(value: Any, indent: int) -> str:
    """Return a value as one writes it in Python, over several lines where one is too short."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list | dict):
        return repr(value)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {literal(each, indent + 4)}" for key, each in value.items()]
    else:
        parts = [literal(each, indent + 4) for each in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    line = f"{begin}{', '.join(parts)}{end}"
    if len(line) <= WIDTH - indent:
        return line
    space = " " * (indent + 4)
    return f"{begin}\n" + "".join(f"{space}{part},\n" for part in parts) + f"{' ' * indent}{end}"


def value_of(schema: Mapping[str, Any], node: Mapping[str, Any], depth: int = 0) -> Any:
    """Return a value that a part of the document allows: what is asked for, read-only parts not."""
    if "$ref" in node:
        part = schema["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return value_of(schema, part, depth)
    for key in ("example", "default"):
        if key in node:
            return node[key]
    if node.get("enum"):
        return node["enum"][0]
    for key in ("allOf", "oneOf", "anyOf"):
        if key in node:
            return value_of(schema, node[key][0], depth)
    kinds = node.get("type")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        return {
            name: value_of(schema, each, depth + 1)
            for name, each in node.get("properties", {}).items()
            if not each.get("readOnly") and depth < _DEEPEST
        }
    if kind == "array":
        return [value_of(schema, node.get("items", {}), depth + 1)]
    if kind in ("integer", "number"):
        return node.get("minimum", 1)
    if kind == "boolean":
        return True
    return _BY_FORMAT.get(str(node.get("format")), "…")
