"""What a conversation asks: the question, the passages, the task, read from its tagged blocks."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import Any

from localaws.images import Seen, image_of, seen

_PASSAGE = re.compile(r"<passage\b([^>]*)>(.*?)</passage>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*"([^"]*)\"""")
_FIELDS = ("question", "task", "instructions", "text", "history")


@dataclass(frozen=True)
class Passage:
    """One retrieved passage; `id` is what a mark cites."""

    id: str
    text: str
    document: str = ""
    section: str = ""  # the headings above it, outermost first


@dataclass
class Prompt:
    """One request as the local model understands it."""

    question: str = ""
    task: str = ""
    instructions: str = ""
    text: str = ""
    history: str = ""
    passages: list[Passage] = field(default_factory=list)
    has_passages: bool = False
    from_tool: bool = False
    tool_failed: bool = False
    earlier: list[str] = field(default_factory=list)
    images: list[Seen] = field(default_factory=list)


def _texts(block: dict[str, Any]) -> list[str]:
    if "text" in block:
        return [str(block["text"])]
    guard = block.get("guardContent", {}).get("text")
    if guard:
        query = "query" in guard.get("qualifiers", [])
        text = str(guard.get("text", ""))
        if query and "<question>" not in text:
            text = f"<question>{text}</question>"
        elif "grounding_source" in guard.get("qualifiers", []) and "<passage" not in text:
            text = f'<passage id="1">{text}</passage>'
        return [text]
    return []


def _search_result(block: dict[str, Any], number: int) -> Passage:
    text = "\n".join(str(part.get("text", "")) for part in block.get("content", []))
    return Passage(id=str(number), text=text, document=str(block.get("title", "")))


def _flatten(value: Any, path: str = "") -> list[str]:
    """A JSON value as lines of `key: value`, for a tool that answers with data."""
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _flatten(item, str(key))]
    if isinstance(value, list):
        return [line for item in value for line in _flatten(item, path)]
    name = path.replace("_", " ")
    return [f"{name}: {value}" if name else str(value)]


def _json_passages(value: Any, start: int) -> list[Passage]:
    """Passages of a tool's JSON: any list of objects with a text."""
    if isinstance(value, dict):
        for item in value.values():
            if isinstance(item, list) and (found := _json_passages(item, start)):
                return found
        return []
    found = []
    for item in value if isinstance(value, list) else []:
        text = isinstance(item, dict) and (
            item.get("text") or item.get("passage") or item.get("content") or item.get("snippet")
        )
        if isinstance(text, str):
            number = str(item.get("id") or item.get("n") or start + len(found) + 1)
            document = str(item.get("document") or item.get("title") or "")
            found.append(Passage(number, text, document))
    return found


def read_prompt(messages: list[dict[str, Any]]) -> Prompt:
    """Read the last user message; earlier user texts become `earlier`, newest last."""
    prompt = Prompt()
    last = messages[-1] if messages else {"content": []}
    fragments: list[str] = []
    for block in last.get("content", []):
        fragments += _texts(block)
        if (image := image_of(block)) is not None:
            prompt.images.append(seen(image))
        if "searchResult" in block:
            prompt.passages.append(_search_result(block["searchResult"], len(prompt.passages) + 1))
        if "document" in block and "text" in block["document"].get("source", {}):
            source = str(block["document"]["source"]["text"])
            name = str(block["document"].get("name", ""))
            prompt.passages.append(Passage(str(len(prompt.passages) + 1), source, name))
        if "toolResult" in block:
            prompt.from_tool = True
            _read_tool_result(block["toolResult"], prompt)
    _read_tags("\n".join(fragments), prompt)
    for message in messages[:-1]:
        if message.get("role") == "user":
            earlier = Prompt()
            texts = [text for block in message.get("content", []) for text in _texts(block)]
            _read_tags("\n".join(texts), earlier)
            if earlier.question:
                prompt.earlier.append(earlier.question)
    if prompt.from_tool and not prompt.question and prompt.earlier:
        prompt.question = prompt.earlier[-1]
    prompt.has_passages = prompt.has_passages or bool(prompt.passages)
    return prompt


def _read_tool_result(result: dict[str, Any], prompt: Prompt) -> None:
    prompt.tool_failed = prompt.tool_failed or result.get("status") == "error"
    for part in result.get("content", []):
        if "searchResult" in part:
            number = len(prompt.passages) + 1
            prompt.passages.append(_search_result(part["searchResult"], number))
            continue
        value = part.get("json")
        if value is None and "text" in part:
            text = str(part["text"])
            if "<passage" in text:
                _read_passages(text, prompt)
                continue
            try:
                value = json.loads(text)
            except ValueError:
                value = text
        found = _json_passages(value, len(prompt.passages))
        if found:
            prompt.passages += found
        else:
            prompt.text += "\n".join(_flatten(value)) + "\n"


def _read_passages(text: str, prompt: Prompt) -> None:
    for found in _PASSAGE.finditer(text):
        attributes = dict(_ATTRIBUTE.findall(found[1]))
        number = attributes.get("id") or str(len(prompt.passages) + 1)
        document = html.unescape(attributes.get("document", ""))
        section = html.unescape(attributes.get("section", ""))
        prompt.passages.append(Passage(number, html.unescape(found[2]).strip(), document, section))


def _read_tags(text: str, prompt: Prompt) -> None:
    prompt.has_passages = prompt.has_passages or "<passages" in text or "<passage " in text
    # The passages go first: a document may itself speak of <question> and <task>.
    _read_passages(text, prompt)
    text = re.sub(r"<passages\b[^>]*>.*?</passages>", " ", text, flags=re.DOTALL)
    text = _PASSAGE.sub(" ", text)
    for name in _FIELDS:
        found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        if found:
            setattr(prompt, name, html.unescape(found[1]).strip())
            text = text.replace(found[0], " ")
    rest = html.unescape(re.sub(r"</?(?:passages|question|task|text)\b[^>]*>", " ", text)).strip()
    if not prompt.question and not prompt.task:
        prompt.question = rest
    elif rest and not prompt.instructions and prompt.task:
        prompt.instructions = rest
