"""Turn the OpenAPI document into what the reference page shows."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEY_HEADER = '-H "Authorization: Bearer $KEY"'
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(slots=True)
class Operation:
    """One operation: its address, text, parameters, example of a body, and answers."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Mapping[str, Any]] = field(default_factory=list)
    body: str = ""
    answers: list[tuple[str, str]] = field(default_factory=list)
    curl: str = ""


def operations(schema: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Group the document's operations by their first path part after the version."""
    groups: dict[str, list[Operation]] = defaultdict(list)
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                groups[path.split("/")[3]].append(_operation(schema, path, method, methods[method]))
    return dict(sorted(groups.items()))


def _operation(
    schema: Mapping[str, Any], path: str, method: str, found: Mapping[str, Any]
) -> Operation:
    summary, _, rest = found.get("description", "").partition("\n")
    body, flags = _body(schema, found)
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found.get("summary") or summary,
        description=rest.strip(),
        parameters=found.get("parameters", []),
        body=body,
        answers=[
            (code, answer.get("description", "")) for code, answer in found["responses"].items()
        ],
        curl=" \\\n  ".join(
            [
                f"curl -X {method.upper()} $WORKSPACE{path}",
                '-H "Authorization: Bearer $KEY"',
                *flags,
            ]
        ),
    )


def _body(schema: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, list[str]]:
    content = found.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        return "", ['-F "file=@report.pdf"']
    if "application/json" not in content:
        return "", []
    example = _example(schema, content["application/json"]["schema"])
    text = json.dumps(example, indent=2, ensure_ascii=False)
    flat = json.dumps(example, ensure_ascii=False)
    return text, ['-H "Content-Type: application/json"', f"-d '{flat}'"]


def _example(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Any:
    if "$ref" in node:
        return _example(schema, schema["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]])
    for key in ("example", "default"):
        if key in node:
            return node[key]
    if node.get("enum"):
        return node["enum"][0]
    for key in ("allOf", "oneOf", "anyOf"):
        if key in node:
            return _example(schema, node[key][0])
    kind = node.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _example(schema, each) for name, each in node.get("properties", {}).items()}
    if kind == "array":
        return [_example(schema, node.get("items", {}))]
    return {"integer": 1, "number": 1.0, "boolean": True}.get(str(kind), "…")
