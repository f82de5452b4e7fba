"""What the assistant can do in the product, as the user who asks."""

from typing import Any, Final

from assistant.tools.base import Tool
from assistant.tools.changing import CHANGING
from assistant.tools.filing import FILING
from assistant.tools.reading import READING

TOOLS: Final[dict[str, Tool]] = {tool.name: tool for tool in (*READING, *CHANGING, *FILING)}


def tool_specs() -> list[dict[str, Any]]:
    """Return all tools as Converse takes them.

    The same for every role, so that their cached prefix is too; what a role may not do is refused.
    """
    return [tool.spec for tool in TOOLS.values()]
