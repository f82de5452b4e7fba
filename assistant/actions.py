"""Changes that wait for the user: propose, decide once, carry out at most once."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from assistant.access import conversation_of
from assistant.errors import ActionDecided, ActionExpired, NoSuchAction
from assistant.models import Action, ActionState, Conversation, Message
from assistant.tools import TOOLS
from assistant.tools.base import Outcome, Plan, Tool
from bedrock.gateway import ToolUse
from tenants.accounts.audit import audit_write
from tenants.accounts.models import role_reaches
from tenants.context import Actor
from tenants.errors import Forbidden, TenantryError

LIFETIME: Final = timedelta(minutes=30)


def action_propose(*, answer: Message, tool: Tool, plan: Plan, use: ToolUse) -> Action:
    """Keep a change until its user decides, at most LIFETIME."""
    action = Action.objects.create(
        conversation_id=answer.conversation_id,
        answer=answer,
        name=tool.name,
        summary=plan.summary,
        arguments=plan.arguments,
        tool_use={"id": use.id, "name": use.name, "input": use.input},
        expires_at=Now() + LIFETIME,
    )
    action.refresh_from_db(fields=["expires_at"])
    return action


def action_decide(conversation: Conversation, action_id: UUID | str, *, approve: bool) -> Action:
    """Take the decision about a waiting action, in the caller's transaction; one statement wins.

    Raises NoSuchAction for another conversation's as for none, ActionDecided, ActionExpired.
    """
    own = Action.objects.filter(conversation_id=conversation.id, id=action_id)
    state = ActionState.APPROVED if approve else ActionState.DECLINED
    waiting = own.filter(state=ActionState.WAITING, expires_at__gt=Now())
    decided = waiting.update(state=state, decided_at=Now())
    action = own.first()
    if action is None:
        raise NoSuchAction
    if not decided:
        raise ActionExpired if action.state == ActionState.WAITING else ActionDecided
    return action


def action_carry_out(*, actor: Actor, action: Action) -> Outcome | TenantryError:
    """Do what was approved, as the actor with their role of now; return what came of it.

    Only an action that nothing has been tried of is done. Its state is stored before and after.
    """
    tool = TOOLS[action.name]
    started = Action.objects.filter(id=action.id, state=ActionState.APPROVED, result="")
    if not started.update(result="Begun."):
        return ActionDecided()
    outcome: Outcome | TenantryError
    try:
        outcome = tool_change(actor=actor, tool=tool, arguments=action.arguments)
    except TenantryError as error:
        outcome = error
    done = isinstance(outcome, Outcome)
    action.state = ActionState.DONE if done else ActionState.FAILED
    action.result = outcome.text if isinstance(outcome, Outcome) else outcome.detail
    action.save(update_fields=["state", "result"])
    return outcome


def tool_change(*, actor: Actor, tool: Tool, arguments: dict[str, Any]) -> Outcome:
    """Make a planned change, on record as the assistant's. Raises Forbidden and the tool's own."""
    allowed(actor, tool)
    assert tool.change is not None  # tools that plan also change
    outcome = tool.change(actor, arguments)
    audit_write(
        actor,
        action=f"assistant.{tool.name}",
        object_type="document" if "document_id" in arguments else "",
        object_id=arguments.get("document_id", ""),
    )
    return outcome


def allowed(actor: Actor, tool: Tool) -> None:
    """Raise Forbidden where the actor's role may not use the tool."""
    if not role_reaches(actor.role, tool.role):
        raise Forbidden


def actions_open(actor: Actor, conversation_id: UUID) -> list[Action]:
    """Return what waits for the actor in their conversation. Raises NotFound."""
    conversation = conversation_of(actor, conversation_id)
    waiting = Q(state=ActionState.WAITING, expires_at__gt=Now())
    return list(conversation.actions.filter(waiting))
