"""The write tasks: summarize by selection, rewrite by cleaning, draft from given points."""

from __future__ import annotations

import re

import numpy as np

from localaws.embedder import Embedder
from localaws.model.answer import compose
from localaws.model.layout import Sentence, sentences
from localaws.model.prompt import Prompt
from localaws.model.rank import ANSWERS, passage_sentences, rank
from localaws.model.text import content_stems, marked, split, words

CANNOT = (
    "The local extractive model cannot translate or change the tone of a text; it selects, "
    "shortens and cleans. Connect a generative model for that."
)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}
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


def summarize(prompt: Prompt, embedder: Embedder) -> str:
    """The central sentences in their own order; with marks when passages are given."""
    units = sentences(prompt.text) if prompt.text else passage_sentences(prompt.passages)
    units = [s for s in units if not s.is_heading and len(words(s.text)) >= 3]
    if not units:
        return "There is no text to summarize."
    wanted = _wanted(prompt.instructions, len(units))
    chosen = _central(units, wanted, embedder, prompt.instructions)
    if re.search(r"bullet|list|points", prompt.instructions, re.IGNORECASE):
        return "\n".join(f"- {marked(s.text, s.marks)}" for s in chosen)
    for sentence in chosen:
        sentence.is_item = False
    return compose(chosen)


def _wanted(instructions: str, available: int) -> int:
    found = re.search(
        r"\b(\d{1,2}|"
        + "|".join(_NUMBERS)
        + r")\s+(?:\w+\s+)?(?:sentences?|bullets?|points?|lines?)",
        instructions,
        re.IGNORECASE,
    )
    if found:
        number = found[1].lower()
        return max(1, min(available, _NUMBERS.get(number) or int(number)))
    most = max(3, min(8, round(available / 6) + 2))
    if re.search(r"\b(?:short|brief|concise|one[- ]line)", instructions, re.IGNORECASE):
        most = max(1, most // 2)
    return min(available, most)


def _central(units: list[Sentence], wanted: int, embedder: Embedder, focus: str) -> list[Sentence]:
    """Sentences near the text's centre, early ones first among equals, without repeating."""
    vectors = embedder.embed([s.text for s in units])
    centre = vectors.mean(axis=0)
    score = vectors @ (centre / (np.linalg.norm(centre) or 1.0))
    if len(content_stems(focus)) >= 2:
        score = score + 0.3 * (vectors @ embedder.embed([focus])[0])
    for row, sentence in enumerate(units):
        length = len(words(sentence.text))
        score[row] += 0.10 / (1 + sentence.position) + (
            0.04 if re.search(r"\d", sentence.text) else 0
        )
        score[row] -= 0.15 if length < 6 else 0.08 if length > 45 else 0.0
        score[row] -= 0.2 if sentence.text.endswith("?") else 0.0
    picked: list[int] = []
    while len(picked) < min(wanted, len(units)):
        redundancy = np.max(vectors @ vectors[picked].T, axis=1) if picked else np.zeros(len(units))
        gain = score - 0.45 * redundancy
        gain[picked] = -9
        picked.append(int(np.argmax(gain)))
    return [units[i] for i in sorted(picked)]


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
            kept = [s.text for s in _central(units, (2 * len(kept) + 2) // 3, embedder, "")]
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
        found = [
            scored.sentence
            for scored in rank(point, prompt.passages, everything, embedder)[:6]
            if scored.score >= ANSWERS and scored.sentence.text not in used
        ][:3]
        used |= {sentence.text for sentence in found}
        found.sort(key=lambda s: (s.passage, s.position))
        if len(points) > 1:
            lines += [
                f"**{point[0].upper()}{point[1:]}**" if letter else f"## {_capital(point)}",
                "",
            ]
        if found:
            lines += [compose(found), ""]
            body += 1
        elif len(points) > 1 and everything:
            lines += ["_Nothing in the documents speaks of this point._", ""]
    if not body and everything and len(points) <= 1:
        units = [s for s in everything if not s.is_heading and len(words(s.text)) >= 4]
        lines += [compose(_central(units, 4, embedder, asked)), ""] if units else []
        body = 1
    if prompt.text:
        units = [s for s in sentences(prompt.text) if not s.is_heading]
        lines += (
            [compose(_central(units, min(6, len(units)), embedder, asked)), ""] if units else []
        )
    elif not everything and len(points) <= 1:
        lines += [
            "_Add the facts here: the local model writes only what it is given, as points in the "
            "instructions or as documents._",
            "",
        ]
    if letter:
        lines += ["Kind regards"]
    return "\n".join(lines).strip()


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


def title(prompt: Prompt) -> str:
    """A title of three to seven words from a conversation's first question."""
    source = prompt.text or prompt.question
    text = re.sub(r"\s+", " ", re.split(r"(?<=[.?!])\s", source.strip())[0]).strip(" ?.!\"'")
    text = re.sub(
        r"^(?:(?:hi|hello|hey)[, ]+)?(?:please\s+)?(?:can|could|would) you (?:please )?(?:tell me |"
        r"show me |explain |find )?"
        r"|^(?:please )?(?:tell me|show me|explain|describe|find) (?:about )?",
        "",
        text,
        flags=re.IGNORECASE,
    )
    shorter = re.sub(
        r"^(?:what(?:'s| is| are| was| does| do)|who(?:'s| is| are)|where (?:is|are|do|can)|"
        r"when (?:is|are|do|does|was)|how (?:do|does|can|should)|which|is|are|does|do|may|can)\s+"
        r"(?:(?:the|an?|i|we|you|my|our)\s+)*",
        "",
        text,
        flags=re.IGNORECASE,
    )
    kept = shorter.split() if len(shorter.split()) >= 3 else text.split()
    kept = kept[:7]
    while len(kept) > 3 and kept[-1].lower() in {"the", "a", "an", "of", "to", "and", "in", "for",
                                                 "on", "with", "my", "or", "at", "is"}:  # fmt: skip
        kept.pop()
    if len(kept) < 3:
        kept = (["Question", "about", *kept] if kept else ["A", "new", "conversation"])[:7]
    return _capital(" ".join(kept).strip(",;:"))


def standalone(prompt: Prompt) -> str:
    """The question made self-contained with the nouns of the user's last one."""
    question = prompt.question.strip()
    history = prompt.history.splitlines()
    asked = [
        re.sub(r"^\s*(?:user|human|question|q)\s*:\s*", "", line, flags=re.IGNORECASE).strip()
        for line in history
        if re.match(r"^\s*(?:user|human|question|q)\s*:", line, re.IGNORECASE)
    ]
    asked = asked or [line.strip() for line in history if line.strip().endswith("?")]
    asked = asked or prompt.earlier
    mine = content_stems(question)
    leans = re.search(
        r"\b(?:it|its|that|this|they|them|their|those|these|there|he|she|one|ones|same)\b"
        r"|^(?:and|what about|how about|also|but)\b",
        question,
        re.IGNORECASE,
    )
    if not asked or not (leans or len(mine) <= 2):
        return question
    nouns = [w for w in words(asked[-1]) if content_stems(w) and content_stems(w)[0] not in mine]
    nouns = list(dict.fromkeys(nouns))[:6]
    if not nouns:
        return question
    return f"{question.rstrip(' ?.!')} ({', '.join(nouns)})?"
