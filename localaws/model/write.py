"""The write tasks on given text: rewrite by cleaning, draft from given points and passages."""

from __future__ import annotations

import re

from localaws.embedder import Embedder
from localaws.model.answer import POINTS_ON, as_list, compose, rows_after
from localaws.model.layout import Sentence, sentences
from localaws.model.prompt import Prompt
from localaws.model.rank import passage_sentences, rank
from localaws.model.summary import central
from localaws.model.text import content_stems, split, words

CANNOT = (
    "The local extractive model cannot translate or change the tone of a text; it selects, "
    "shortens and cleans. Connect a generative model for that."
)
_WORDY = [
    (r"\bin order to\b", "to"), (r"\bdue to the fact that\b", "because"),
    (r"\bat this point in time\b", "now"), (r"\bin the event that\b", "if"),
    (r"\bwith regard to\b", "about"), (r"\bfor the purpose of\b", "for"),
    (r"\ba large number of\b", "many"), (r"\bprior to\b", "before"),
    (r"\bsubsequent to\b", "after"), (r"\bis able to\b", "can"),
    (r"\bare able to\b", "can"), (r"\bhas the ability to\b", "can"),
    (r"\bin spite of the fact that\b", "although"), (r"\bit is important to note that\s+", ""),
    (r"\bplease note that\s+", ""), (r"\bneedless to say,?\s+", ""),
    (r"\bas a matter of fact,?\s+", ""), (r"\bat the end of the day,?\s+", ""),
    (r"\b(?:basically|actually|really|very|just|simply|literally|quite|obviously|clearly),?\s+",
     ""),
    (r"\b(\w+)(\s+\1\b)+", r"\1"),
]  # fmt: skip


def rewrite(prompt: Prompt, embedder: Embedder) -> str:
    """The same text, cleaned: filler out, wordy phrases shortened, long sentences split."""
    asked = prompt.instructions
    if re.search(r"\btranslat|\binto (?:german|french|spanish|italian|english)\b|\btone\b"
                 r"|\b(?:formal|friendl|casual|polite|persuasive)", asked, re.IGNORECASE
    ):  # fmt: skip
        return CANNOT
    if not prompt.text:
        return "There is no text to rewrite."
    paragraphs = []
    seen: set[str] = set()
    shorter = bool(re.search(r"\b(?:short|concise|brief|tighten|cut)", asked, re.IGNORECASE))
    for paragraph in re.split(r"\n\s*\n", prompt.text):
        if re.match(r"^\s*(?:[-*•|#]|\d+[.)])", paragraph):
            paragraphs.append(paragraph.strip())
            continue
        kept = []
        for sentence in split(re.sub(r"\s+", " ", paragraph).strip()):
            key = " ".join(words(sentence))
            if key and key not in seen:
                seen.add(key)
                kept += _clean(sentence)
        if shorter and len(kept) > 3:
            units = [Sentence(text, position=i) for i, text in enumerate(kept)]
            kept = [s.text for s in central(units, (2 * len(kept) + 2) // 3, embedder, "")]
        if kept:
            paragraphs.append(" ".join(kept))
    text = "\n\n".join(paragraphs)
    if re.search(r"\b(?:bullet|as a list)", asked, re.IGNORECASE):
        text = "\n".join(f"- {s}" for p in paragraphs for s in split(p))
    return text


def _clean(sentence: str) -> list[str]:
    for pattern, instead in _WORDY:
        sentence = re.sub(pattern, instead, sentence, flags=re.IGNORECASE)
    sentence = re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s{2,}", " ", sentence)).strip()
    parts = sentence.split("; ") if len(words(sentence)) > 25 else [sentence]
    result = []
    for index, part in enumerate(parts):
        part = part.strip()
        if index < len(parts) - 1:
            part = part.rstrip(",;") + "."
        if part:
            result.append(part[0].upper() + part[1:])
    return result


def draft(prompt: Prompt, embedder: Embedder) -> str:
    """A structured draft of the instructions' own points and the passages' sentences."""
    asked = prompt.instructions or prompt.question
    points = _points(asked)
    subject = _subject(asked)
    letter = bool(re.search(r"\b(?:e-?mail|letter|reply)\b", asked, re.IGNORECASE))
    lines = [f"Subject: {subject}", "", "Hello,", ""] if letter else [f"# {subject}", ""]
    used: set[str] = set()
    everything = passage_sentences(prompt.passages)
    body = 0
    for point in points:
        found = _found(point, prompt, everything, used, embedder)
        used |= {sentence.text for sentence in found}
        if len(points) > 1:
            lines += [f"**{_capital(point)}**" if letter else f"## {_capital(point)}", ""]
        if found:
            lines += [_body(found), ""]
            body += 1
        elif len(points) > 1 and everything:
            lines += ["_Nothing in the documents speaks of this point._", ""]
    if not body and everything and len(points) <= 1:
        units = [s for s in everything if s.is_prose]
        lines += [compose(central(units, 4, embedder, asked)), ""] if units else []
        body = 1
    if prompt.text:
        units = [s for s in sentences(prompt.text) if not s.is_heading]
        lines += [compose(central(units, min(6, len(units)), embedder, asked)), ""] if units else []
    elif not everything and len(points) <= 1:
        lines += [
            "_Add the facts here: the local model writes only what it is given, as points in the "
            "instructions or as documents._",
            "",
        ]
    if letter:
        lines += ["Kind regards"]
    return "\n".join(lines).strip()


def _found(
    point: str, prompt: Prompt, everything: list[Sentence], used: set[str], embedder: Embedder
) -> list[Sentence]:
    """The sentences that speak of a point, in their own order."""
    ranked = [s for s in rank(point, prompt.passages, everything, embedder)[:10] if s.answers]
    found = [
        scored.sentence
        for scored in ranked
        if scored.score >= 0.75 * ranked[0].score and scored.sentence.text not in used
    ]
    for sentence in found:
        if POINTS_ON.search(sentence.text):
            later = rows_after(everything.index(sentence), everything)
            found = found + [row for row in later if row not in found]
    rows = [sentence for sentence in found if sentence.row]
    kept = [sentence for sentence in found if not sentence.row][:3] + rows[:8]
    return sorted(kept, key=lambda s: (s.passage, s.position))


def _body(found: list[Sentence]) -> str:
    """Prose first, then rows as a list."""
    prose, rows = [s for s in found if not s.row], [s for s in found if s.row]
    parts = ([compose(prose)] if prose else []) + ([as_list(rows)] if rows else [])
    return "\n\n".join(parts)


def _points(asked: str) -> list[str]:
    items = [
        re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", line).strip(" .;")
        for line in asked.splitlines()
        if re.match(r"^\s*(?:[-*•]|\d+[.)])\s+", line)
    ]
    if items:
        return items
    found = re.search(
        r"\b(?:cover(?:ing)?|includ(?:e|ing)|mention(?:ing)?|points?:|about|on|explain(?:ing)?)\s+(.+)",
        re.sub(r"\s+", " ", asked),
        re.IGNORECASE,
    )
    listed = re.split(r",\s*(?:and\s+)?|;\s*|\s+and\s+", found[1].rstrip(".")) if found else []
    listed = [item.strip() for item in listed if content_stems(item)]
    return listed if listed else [re.sub(r"\s+", " ", asked).strip().rstrip(".")]


def _subject(asked: str) -> str:
    first = re.split(r"[.\n:]", asked.strip())[0]
    first = re.sub(
        r"^(?:please\s+)?(?:draft|write|compose|prepare|create)\s+(?:me\s+)?(?:an?|the|some)?\s*"
        r"(?:(?:short|brief|polite)\s+)?(?:(?:e-?mail|letter|memo|note|message|reply|announcement"
        r"|text|summary|paragraph)\s+)?"
        r"(?:(?:to [\w ]+?\s+)?(?:about|on|for|regarding|covering)\s+)?",
        "",
        first,
        flags=re.IGNORECASE,
    )
    return _capital(" ".join(first.split()[:10])) or "Draft"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
