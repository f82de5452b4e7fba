"""The door: each request of a role session or user is judged here before its operation runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from localaws.errors import AwsError
from localaws.iam import actions, engine
from localaws.iam.assuming import service_trusted
from localaws.iam.documents import Check
from localaws.iam.patterns import Context
from localaws.iam.principals import Principal, of_role, principal_of, role_of
from localaws.iam.resources import Asked
from localaws.identity import Caller
from localaws.state import JsonStore

log = logging.getLogger(__name__)


class Enforcement:
    """Judges callers by the policies that IAM holds at this moment."""

    def __init__(self, store: JsonStore) -> None:
        self._store = store

    def authorize(
        self, caller: Caller, service: str, operation: str, params: dict[str, Any]
    ) -> None:
        """Refuse an operation that the caller's policies do not allow.

        Raises AccessDeniedException in AWS's words. The administrator may do everything.
        """
        principal = principal_of(caller)
        if principal is None:
            return
        asked = Asked(self._store, caller.account, caller.region)
        checks = actions.checks_of(service, operation, asked, params)
        if checks is None:
            log.warning("%s.%s has no permissions mapped, so it is refused", service, operation)
            raise denied(f"{principal.arn} may not call {operation}: nobody has mapped it")
        self.require(caller, principal, checks)

    def require(self, caller: Caller, principal: Principal, checks: Iterable[Check]) -> None:
        """Refuse unless every permission is there. Raises AccessDeniedException."""
        context = engine.base_context(caller, principal.username)
        refused = engine.first_refusal(principal, checks, context)
        if refused is not None:
            raise denied(refused[1])

    # For the services that act under a role they were passed ---------------------------------

    def role_taken(self, role_arn: str, account: str) -> None:
        """Refuse a role that Bedrock may not take on. Raises ValidationException as it does."""
        if not service_trusted(role_arn, "bedrock.amazonaws.com", account):
            raise AwsError(
                "ValidationException",
                f"The provided service role {role_arn} does not exist, or it does not trust"
                " bedrock.amazonaws.com.",
            )

    def role_may(
        self,
        role_arn: str,
        action: str,
        resource: str,
        *,
        region: str,
        context: Context | None = None,
    ) -> str | None:
        """Why a role may not do something (`s3:GetObject` on an object's ARN); None: it may."""
        check = Check(action, resource, context or {})
        return self._role_refusal(role_arn, region, [check])

    def role_may_invoke(self, role_arn: str, model_id: str, *, region: str) -> str | None:
        """Why a role may not call a model or profile; None where it may."""
        asked = Asked(self._store, role_arn.split(":")[4], region)
        return self._role_refusal(role_arn, region, asked.invoke("InvokeModel", model_id))

    def _role_refusal(self, role_arn: str, region: str, checks: Iterable[Check]) -> str | None:
        role = role_of(role_arn)
        if role is None:
            return f"The role {role_arn} does not exist."
        account = role_arn.split(":")[4]
        caller = Caller(account=account, region=region, arn=role_arn, role=role_arn)
        refused = engine.first_refusal(of_role(role), checks, engine.base_context(caller))
        return refused[1] if refused else None


def denied(words: str) -> AwsError:
    """A refusal of Bedrock's family of services."""
    return AwsError("AccessDeniedException", words)


def refused_form(
    caller: Caller, principal: Principal, service: str, form: Mapping[str, str]
) -> str | None:
    """Why a caller may not send a form to STS or IAM, AssumeRole apart; None where it may."""
    action = form.get("Action", "")
    if service == "sts" and action == "GetCallerIdentity":
        return None
    resource = "*"
    for name, kind in (("RoleName", "role"), ("UserName", "user"), ("GroupName", "group")):
        if form.get(name):
            resource = f"arn:aws:iam::{caller.account}:{kind}/{form[name]}"
            break
    resource = form.get("PolicyArn", resource) if resource == "*" else resource
    context = engine.base_context(caller, principal.username)
    return engine.refusal(principal, Check(f"{service}:{action}", resource), context)
