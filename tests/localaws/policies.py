"""Policies and refusals for tests of IAM."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Server, role, session

ARN = "arn:aws:iam::123456789012:role/"


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def keys(server: Server, name: str, statements: list[dict[str, Any]], **more: Any) -> Any:
    """The keys of a session of a role with these statements."""
    return session(server, RoleArn=role(server, name, statements), **more)


def refused(call: Any, **params: Any) -> tuple[str, str]:
    """(code, message) of the refusal that a call must meet."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
