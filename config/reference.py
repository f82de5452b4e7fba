"""Turn the OpenAPI document into what the reference page shows."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config.exampleanswers import answer_of
from config.examples import example_of

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(slots=True)
class Operation:
    """One operation: its address, text, parameters, examples, and answers."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Mapping[str, Any]] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    curl: str = ""
    python: str = ""
    answer: str = ""


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
    example = example_of(schema, path, method, found)
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found.get("summary") or summary,
        description=rest.strip(),
        parameters=found.get("parameters", []),
        answers=[
            (code, answer.get("description", "")) for code, answer in found["responses"].items()
        ],
        curl=example.curl,
        python=example.python,
        answer=answer_of(found["operationId"]),
    )
