"""The local model: extractive, deterministic, quick. It selects sentences and never invents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from localaws.embedder import Embedder
from localaws.model import naming, pictures, summary, tools, write
from localaws.model.answer import NOT_FOUND, answer, from_tool
from localaws.model.commands import command, summed
from localaws.model.pieces import ModelRequest, Piece, StopPiece, TextPiece, ToolPiece
from localaws.model.prompt import Prompt, read_prompt
from localaws.model.text import content_stems

ABOUT = (
    "I am a small local model that answers from your workspace's documents: ask a question about "
    "them, and I quote the sentences that answer it, with their sources. I can also summarize, "
    "tidy up a text and draft from points you give. I do not know anything beyond the documents."
)
_GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings|hallo|bonjour)\b"
    r"[^?]{0,30}\W*$",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"^\W*(?:thanks?|thank you|thx|cheers|great|perfect|ok(?:ay)?)\b.{0,40}$", re.IGNORECASE
)
_FAREWELL = re.compile(r"^\W*(?:bye|goodbye|see you)\b.{0,20}$", re.IGNORECASE)
_READ = re.compile(r"^\W*(?:please |can you |could you )*(?:read|open)\b", re.IGNORECASE)
_WORD = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+$")

Answered = Callable[[], str | None]  # what the passages say, looked for once


class ExtractiveModel:
    """Answers a Converse request with pieces about a word long."""

    paced = True

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def generate(self, request: ModelRequest) -> Iterator[Piece]:
        """The whole answer is known at once; it is handed out word by word."""
        prompt = read_prompt(request.messages)
        answered = cache(lambda: answer(prompt, self._embedder))
        call = self._tool_call(prompt, request, answered)
        if call is not None:
            yield call
            yield StopPiece("tool_use")
            return
        for word in _WORD.findall(self._reply(prompt, answered)):
            yield TextPiece(word)
        yield StopPiece()

    def _tool_call(
        self, prompt: Prompt, request: ModelRequest, answered: Answered
    ) -> ToolPiece | None:
        forced = "any" in request.tool_choice or "tool" in request.tool_choice
        if not request.tools or (prompt.from_tool and not forced):
            return None
        if prompt.task and not forced:
            return None
        asked = prompt.question or prompt.instructions or prompt.text
        commanded = None if forced else command(asked, request.tools, request.messages)
        if commanded is not None and not (summed(asked) and _of_many(asked, prompt)):
            return _called(commanded, request)
        if prompt.images and not forced:
            return None
        if prompt.has_passages and not forced and answered() is not None:
            return None
        chosen = tools.choose(asked, request.tools, request.tool_choice, self._embedder)
        if chosen is None:
            return None
        if prompt.has_passages and tools.finds(chosen[0]) and not forced:
            return None  # it has looked already, and the same words find the same passages
        return _called(chosen, request)

    def _reply(self, prompt: Prompt, answered: Answered) -> str:
        match prompt.task:
            case "summarize":
                return summary.summarize(prompt, self._embedder)
            case "rewrite":
                return write.rewrite(prompt, self._embedder)
            case "draft":
                return write.draft(prompt, self._embedder)
            case "title":
                return naming.title(prompt)
            case "standalone_question":
                return naming.standalone(prompt)
        question = prompt.question
        told_in_short = summed(question)
        if prompt.from_tool and prompt.passages and (told_in_short or _READ.match(question)):
            return summary.summarize(replace(prompt, instructions=question), self._embedder)
        if prompt.from_tool:
            return from_tool(prompt, self._embedder)
        if told_in_short and prompt.passages:
            best = prompt.passages[0].document
            of_it = [each for each in prompt.passages if each.document == best]
            prompt = replace(prompt, passages=of_it, instructions=question)
            return summary.summarize(prompt, self._embedder)
        if _GREETING.match(question):
            return f"Hello! {ABOUT}"
        if _THANKS.match(question):
            return "You are welcome. Ask me anything about your documents."
        if _FAREWELL.match(question):
            return "Goodbye!"
        found = answered() if prompt.has_passages else None
        if prompt.images:
            told = pictures.told(prompt.images)
            return f"{found}\n\n{told}" if found else told
        if prompt.has_passages:
            return found or NOT_FOUND
        return ABOUT


def _of_many(asked: str, prompt: Prompt) -> bool:
    """Whether what is to be told in short is a subject of the passages, no document's name."""
    wanted = set(content_stems(summed(asked)))
    names = {passage.document for passage in prompt.passages}
    return bool(names) and not any(wanted <= set(content_stems(_plain(name))) for name in names)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", " ", name)


def _called(chosen: tuple[str, dict[str, Any]], request: ModelRequest) -> ToolPiece:
    digest = hashlib.sha256(repr((chosen, len(request.messages))).encode()).hexdigest()
    return ToolPiece(id=f"tooluse_{digest[:22]}", name=chosen[0], input=chosen[1])
