"""Requests that name a tool's deed in so many words: `delete the price list`, `rename it to X`.

By rule, from the tool's name alone: its first word is the deed, the rest what it is done to. Only
whole requests of these forms count, so that a question about deleting deletes nothing.
"""

from __future__ import annotations

import re
from typing import Any

from localaws.model.text import content_stems

_POLITE = re.compile(
    r"^\W*(?:please[, ]+|(?:can|could|would|will) you (?:please |kindly )?"
    r"|i(?:'d| would) like you to |i want you to |now |then )*",
    re.IGNORECASE,
)
# What people say for a deed; none of it begins a question.
_DEEDS = {
    "delete": r"delete|remove|erase|get rid of|throw away",
    "rename": r"rename",
    "move": r"move|put",
    "tag": r"tag|label",
    "share": r"share",
    "save": r"save|keep|store",
    "read": r"read|open",
}
# Deeds that change something: a question never picks their tools.
WRITES = frozenset(
    "add archive book buy cancel create delete edit insert invite make move order pay post publish"
    " put remove rename replace reset revoke save send set share store tag update upload"
    " write".split()
)
_VALUE = r"(?:to|as|into|in|under|with|called|named)"
_OBJECT = re.compile(
    r"^(?:(?:the|this|that|my|our|an?|die|der|das|de[nm]|unsere?[nmr]?) )?"
    r"(?:(?:document|file) )?(?:(?:called|named) )?"
    r"(?P<it>.+?)(?: (?:document|file))?$",
    re.IGNORECASE,
)
_QUOTES = " \"'“”‘’.!?"
_EARLIER = re.compile(r"^(?:it|this|that|(?:the|your|this|that) (?:last )?(?:answer|draft|text))$",
                      re.IGNORECASE)  # fmt: skip
_HAVE = (
    r"^(?:which|what) (?:\w+ )?{noun}s? (?:do (?:i|we|you) have|are there|have (?:i|we)|are in"
    r"|can you (?:see|read|use))"
    r"|^(?:list|show)(?: me| us)?(?: all)?(?: of)?(?: my| our| the)? {noun}s\b"
)
_MEASURED = re.compile(
    r"^(?:how (?:many|much)|what)\b.*\b(?:left|remaining|used|limits?|quota|usage|allowance)\b"
    r"|^(?:show|tell)(?: me| us)?(?: my| our| the)? (?:usage|limits?|quota)\b",
    re.IGNORECASE,
)
# What is to be told in short: `Summarize X`, `Give me an overview of X`, `Fasse X zusammen`.
_SUMMARY = (
    r"(?:summary|overview|outline|gist|(?:key|main|most important) (?:points?|facts?|rules?))"
)
_SUMMED = re.compile(
    r"^(?:(?:write|give|make|show|tell|prepare|need|want|what (?:is|are)) ?(?:me|us)? )?(?:"
    rf"(?:summari[sz]e|sum up|outline)|(?:an? |the )?(?:\w+ ){{0,2}}{_SUMMARY} (?:of|from|in))"
    r" (?P<of>.+)$"
    r"|^(?:gib (?:mir|uns) )?(?:eine?n? )?(?:\w+ )?(?:zusammenfassung|überblick) (?:von|über|zu)"
    r" (?P<von>.+)$"
    r"|^(?:fasse?|fassen sie) (?P<was>.+?) zusammen\b.*$",
    re.IGNORECASE,
)
# How it is to be told, which names nothing.
_MANNER = re.compile(
    r"\s*(?:[,;:]|\b(?:in|as|with|within|for) (?:an?|the|my|me|us|one|two|three|four|five|ten|\d+"
    r"|every|all|bullets?|short|plain|simple|few)\b).*$",
    re.IGNORECASE,
)


def summed(request: str) -> str:
    """What a request wants told in short; empty where it wants something else."""
    found = _SUMMED.match(_asked(request))
    if found is None:
        return ""
    named = found["of"] or found["von"] or found["was"]
    it = _OBJECT.match(_MANNER.sub("", named).strip(_QUOTES))
    return it["it"] if it else ""


def _asked(request: str) -> str:
    return _POLITE.sub("", re.sub(r"\s+", " ", request).strip(), count=1)


def command(
    request: str, tools: list[dict[str, Any]], messages: list[dict[str, Any]]
) -> tuple[str, dict[str, Any]] | None:
    """The tool that a request commands, and its input; None for anything else."""
    asked = _asked(request)
    for spec in (tool["toolSpec"] for tool in tools if "toolSpec" in tool):
        deed, *nouns = re.split(r"[_\-. ]+", str(spec["name"]).lower())
        found = _counted(asked, deed, nouns, spec)
        if found is None:
            found = _commanded(asked, deed, spec, messages)
        if found is not None:
            return str(spec["name"]), found
    return None


def writes(name: str) -> bool:
    """Whether a tool's name says that it changes something."""
    return re.split(r"[_\-. ]+", name.lower())[0] in WRITES


def _counted(
    asked: str, deed: str, nouns: list[str], spec: dict[str, Any]
) -> dict[str, Any] | None:
    """`Which documents do I have?` for a list, `How many tokens are left?` for what it measures."""
    if deed == "list" and nouns:
        noun = re.escape(nouns[-1].rstrip("s"))
        return {} if re.search(_HAVE.format(noun=noun), asked, re.IGNORECASE) else None
    if deed in ("get", "show", "read") and _MEASURED.search(asked):
        described = set(content_stems(f"{' '.join(nouns)} {spec.get('description', '')}"))
        said = set(content_stems(asked))
        if said and len(said & described) >= min(2, len(said)) and not _required(spec):
            return {}
    return None


def _required(spec: dict[str, Any]) -> list[str]:
    return list(spec.get("inputSchema", {}).get("json", {}).get("required", []))


def _commanded(
    asked: str, deed: str, spec: dict[str, Any], messages: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """`Rename the price list to Prices`: the required members get object and value, in order."""
    said = _DEEDS.get(deed)
    names = _required(spec)
    if said is None:
        return None
    if deed == "read" and len(names) == 1 and (it_is := summed(asked)):
        return {names[0]: it_is}
    found = re.match(rf"^(?:{said})\b(?P<rest>.*)$", asked, re.IGNORECASE)
    if found is None:
        return None
    rest = found["rest"].strip(_QUOTES)
    value = ""
    if len(names) > 1:
        parts = re.match(rf"^(?P<it>.+?)\s+{_VALUE}\s+(?P<value>.+)$", rest, re.IGNORECASE)
        if parts is None:
            return None
        rest, value = parts["it"], parts["value"].strip(_QUOTES)
    if not names:
        noun = str(spec["name"]).lower().split("_")[-1].rstrip("s")
        return {} if noun in rest.lower() else None
    it = _OBJECT.match(rest.strip(_QUOTES))
    if it is None:
        return None
    if deed == "save":
        text = _said_before(messages) if _EARLIER.match(rest.strip(_QUOTES)) else ""
        return {"title": value, "text": text} if text and {"title", "text"} <= set(names) else None
    properties = spec["inputSchema"]["json"].get("properties", {})
    values = [it["it"].strip(_QUOTES), value]
    return {
        name: [given] if properties.get(name, {}).get("type") == "array" else given
        for name, given in zip(names, values, strict=False)
    }


def _said_before(messages: list[dict[str, Any]]) -> str:
    """What the assistant said last."""
    for message in reversed(messages):
        if message.get("role") == "assistant":
            texts = [str(block["text"]) for block in message.get("content", []) if "text" in block]
            if texts:
                return "\n\n".join(texts).strip()
    return ""
