"""What a tool of the assistant is: what the model may ask for, and what comes of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from search.retrieval import Passage, RetrievalScope
from tenants.context import Actor
from tenants.errors import Invalid
from tenants.naming import many_lines
from tenants.wording import grouped

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Args = Mapping[str, Any]
ARGUMENT_CHARACTERS: Final = 400  # of a name, a question; a text has its own limit

_WORD: Final = re.compile(r"[^\W_]+")
_FILLING: Final = frozenset(
    "a an and as at by csv docx eml for from html in into is it md my of on or our pdf please pptx"
    " that the this to txt with xlsx".split()
)


class ToolRefused(Invalid):
    """The model asked for something that cannot be done; the sentence goes back to it."""

    code = "tool_refused"


@dataclass(slots=True)
class Calling:
    """Whom a tool acts for. `passages` are what the answer may cite, numbered from 1; it grows."""

    actor: Actor
    conversation_id: UUID
    request_id: UUID
    said: str  # the user's own message of this turn, and nothing else
    scope: RetrievalScope = field(default_factory=RetrievalScope)
    passages: list[Passage] = field(default_factory=list)
    withheld: set[UUID] = field(default_factory=set)  # chunks that the content rules refuse


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool brought: `text` for the model, `line` for the person.

    `passages` are those of documents in the text, under the numbers that they have in it.
    """

    text: str
    line: str
    found: int | None = None
    documents: int | None = None
    passages: tuple[tuple[int, Passage], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that is ready to be made: of which objects, and in which words a person reads it.

    `arguments` are JSON, and name objects by their ids and what they were called when it was
    planned. `asked` says that the user's own message names the deed, the object and the new value:
    only then is a change made without asking. What documents say never does.
    """

    summary: str
    arguments: dict[str, Any]
    asked: bool


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: `read` answers at once; `plan` and `change` are the halves of one that writes."""

    name: str
    description: str
    properties: dict[str, Any]
    required: tuple[str, ...]
    doing: "StrOrPromise"  # what a person reads meanwhile
    role: str = "viewer"
    confirms: bool = False  # always asks first
    read: Callable[[Calling, Args], Outcome] | None = None
    plan: Callable[[Calling, Args], Plan] | None = None
    change: Callable[[Actor, Args], Outcome] | None = None

    @property
    def spec(self) -> dict[str, Any]:
        """Return the tool as Converse takes it."""
        schema = {
            "type": "object",
            "properties": self.properties,
            "required": list(self.required),
        }
        return {
            "toolSpec": {
                "name": self.name,
                "description": self.description,
                "inputSchema": {"json": schema},
            }
        }


def text_in(args: Args, name: str, *, limit: int = ARGUMENT_CHARACTERS) -> str:
    """Return an argument's text. Raises ToolRefused; models send anything."""
    value = args.get(name)
    said = many_lines(value) if isinstance(value, str) else ""
    if not said:
        raise ToolRefused(_("%(name)s is missing.") % {"name": name})
    if len(said) > limit:
        raise ToolRefused(
            _("%(name)s holds at most %(most)s characters.")
            % {"name": name, "most": grouped(limit)}
        )
    return said


def optional_text(args: Args, name: str) -> str:
    """Return an argument's text, empty where it was left out."""
    return text_in(args, name) if args.get(name) else ""


def words_of(text: str) -> set[str]:
    """Return the words that tell one name from another."""
    return {word for word in _WORD.findall(text.casefold()) if word not in _FILLING}


def names_it(said: str, *values: str) -> bool:
    """Say whether the user's own message holds every word of each value."""
    spoken = words_of(said)
    return all(words and words <= spoken for words in map(words_of, values))


def speaks_of(said: str, *verbs: str) -> bool:
    """Say whether the user's own message has a word that begins like one of the verbs."""
    return any(word.startswith(verbs) for word in _WORD.findall(said.casefold()))
