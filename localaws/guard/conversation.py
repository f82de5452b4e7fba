"""A guardrail on a conversation: what is checked, what is masked, and the trace of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from localaws.embedder import Embedder
from localaws.errors import invalid
from localaws.guard.evaluate import Verdict, evaluate
from localaws.guard.store import Guardrails
from localaws.wire import Json

_OUTPUT_KEYS = (
    "topicPolicyConfig",
    "contentPolicyConfig",
    "wordPolicyConfig",
    "sensitiveInformationPolicyConfig",
    "contextualGroundingPolicyConfig",
)


@dataclass
class Guard:
    """One call's guardrail. `blocked` is the message to answer with instead of calling a model."""

    definition: Json
    embedder: Embedder
    traced: str
    streams_first: bool
    version: str
    blocked: str | None = None
    blocked_output: bool = False
    shown: str = ""
    source: str = ""
    query: str = ""
    model_output: list[str] = field(default_factory=list)
    _input: Verdict | None = None
    _output: Verdict | None = None
    _later: bool = False  # whether grounding, which only tells here, is still to be judged

    @classmethod
    def begin(
        cls, guardrails: Guardrails, embedder: Embedder, account: str, region: str, config: Json
    ) -> Guard:
        """Look the guardrail up; ValidationException where it does not exist."""
        identifier, version = config.get("guardrailIdentifier"), config.get("guardrailVersion")
        if not identifier or not version:
            raise invalid("guardrailConfig needs both guardrailIdentifier and guardrailVersion.")
        return cls(
            definition=guardrails.version(account, region, identifier, version),
            embedder=embedder,
            traced=config.get("trace", "disabled").lower(),
            streams_first=config.get("streamProcessingMode") == "async",
            version=version,
        )

    @property
    def checks_output(self) -> bool:
        """Whether any policy looks at answers."""
        return any(self.definition.get(key) for key in _OUTPUT_KEYS)

    def check_input(self, params: Json) -> None:
        """Check a request's texts, and mask them in place before a model sees them."""
        slots = list(_slots(params))
        marked = [slot for slot in slots if slot.marked]
        for slot in marked:
            if "grounding_source" in slot.qualifiers:
                self.source += slot.text + "\n"
            if "query" in slot.qualifiers:
                self.query += slot.text + "\n"
        checked = marked or [slot for slot in slots if not slot.system]
        plain, guarded = _images(params)
        self._input = evaluate(
            self.definition,
            "input",
            [slot.text for slot in checked],
            self.embedder,
            images=guarded if marked or guarded else plain,
            full=self.traced == "enabled_full",
        )
        if self._input.blocked:
            self.blocked = str(self.definition["blockedInputMessaging"])
            return
        for slot, text in zip(checked, self._input.texts, strict=True):
            slot.holder["text"] = text

    def check_output(self, text: str) -> str | None:
        """What to show instead of the answer: the blocked message, the masked text, or None.

        Grounding that can refuse nothing is judged when it is told: no word waits for it.
        """
        self.model_output = [text]
        self._later = not grounding_refuses(self.definition)
        self._output = self._checked(text, grounding=not self._later)
        if self._output.blocked:
            self.blocked_output = True
            self.shown = str(self.definition["blockedOutputsMessaging"])
            return self.shown
        if self._output.masked:
            self.shown = self._output.texts[0]
            return self.shown
        return None

    def _checked(self, text: str, *, grounding: bool) -> Verdict:
        return evaluate(
            self.definition if grounding else _ungrounded(self.definition),
            "output",
            [text] if text else [],
            self.embedder,
            source=self.source,
            query=self.query,
            full=self.traced == "enabled_full",
        )

    def passed(self, part: str) -> str | None:
        """A part of an answer as it may be shown, masked or not; None where it is blocked."""
        definition, texts = _ungrounded(self.definition), [part] if part else []
        verdict = evaluate(definition, "output", texts, self.embedder)
        return None if verdict.blocked else "".join(verdict.texts)

    def trace(self) -> Json:
        """`trace.guardrail`, empty unless tracing was asked for."""
        if self.traced not in ("enabled", "enabled_full"):
            return {}
        if self._later:
            self._later = False
            self._output = self._checked(self.model_output[0], grounding=True)
        identifier = self.definition["guardrailId"]
        trace: Json = {}
        reasons = []
        if self._input is not None:
            trace["inputAssessment"] = {identifier: self._detailed(self._input)}
            reasons.append(self._input.reason)
        if self._output is not None:
            trace["outputAssessments"] = {identifier: [self._detailed(self._output)]}
            reasons.append(self._output.reason)
            if self._output.intervened:
                trace["modelOutput"] = self.model_output
        order = ("Guardrail blocked.", "Guardrail masked.", "No action.")
        trace["actionReason"] = next((r for r in order if r in reasons), "No action.")
        return trace

    def _detailed(self, verdict: Verdict) -> Json:
        return {
            **verdict.assessment,
            "appliedGuardrailDetails": details(self.definition, self.version),
        }


def grounding_refuses(definition: Json) -> bool:
    """Whether the grounding policy, if there is one, can block an answer."""
    policy = definition.get("contextualGroundingPolicyConfig") or {}
    return any(
        rule.get("enabled", True) is not False and rule.get("action", "BLOCK") == "BLOCK"
        for rule in policy.get("filtersConfig", [])
    )


def _ungrounded(definition: Json) -> Json:
    return {name: own for name, own in definition.items() if not name.startswith("contextual")}


def details(definition: Json, version: str) -> Json:
    """Which guardrail was applied, for an assessment."""
    return {
        "guardrailId": definition["guardrailId"],
        "guardrailVersion": version,
        "guardrailArn": definition["guardrailArn"],
        "guardrailOrigin": ["REQUEST"],
        "guardrailOwnership": "SELF",
    }


@dataclass
class _Slot:
    holder: Json
    qualifiers: list[str]
    marked: bool
    system: bool

    @property
    def text(self) -> str:
        return str(self.holder["text"])


def _slots(params: Json) -> Iterator[_Slot]:
    """Every text a guardrail may look at. Tool results and tool calls are never looked at."""
    for block in params.get("system") or []:
        yield from _block_slots(block, system=True)
    for message in params.get("messages") or []:
        for block in message.get("content", []):
            yield from _block_slots(block, system=False)


def _images(params: Json) -> tuple[int, int]:
    """How many images stand plain and how many in guardContent."""
    content = [b for m in params.get("messages") or [] for b in m.get("content", [])]
    guarded = sum("image" in block.get("guardContent", {}) for block in content)
    return sum("image" in block for block in content), guarded


def _block_slots(block: Json, *, system: bool) -> Iterator[_Slot]:
    guard = block.get("guardContent", {}).get("text")
    if guard is not None:
        yield _Slot(guard, list(guard.get("qualifiers", [])), True, system)
    elif "text" in block:
        yield _Slot(block, [], False, system)


def apply_guardrail(definition: Json, version: str, params: Json, embedder: Embedder) -> Json:
    """ApplyGuardrail: the same evaluation without a model."""
    contents = [content["text"] for content in params["content"] if "text" in content]
    pictures = sum("image" in content for content in params["content"])
    if not contents and not pictures:
        raise invalid("The content has neither text nor an image.")

    def having(qualifier: str) -> str:
        return "\n".join(c["text"] for c in contents if qualifier in c.get("qualifiers", []))

    direction = "input" if params["source"] == "INPUT" else "output"
    context = {"grounding_source", "query"}
    checked = [
        content
        for content in contents
        if direction == "input"
        or not context & set(content.get("qualifiers", []))
        or "guard_content" in content["qualifiers"]
    ]
    verdict = evaluate(
        definition,
        direction,
        [content["text"] for content in checked],
        embedder,
        source=having("grounding_source"),
        query=having("query"),
        images=pictures,
        full=params.get("outputScope") == "FULL",
    )
    outputs: list[Json] = []
    if verdict.blocked:
        message = "blockedInputMessaging" if direction == "input" else "blockedOutputsMessaging"
        outputs = [{"text": definition[message]}]
    elif verdict.masked:
        outputs = [{"text": text} for text in verdict.texts]
    coverage = verdict.assessment["invocationMetrics"]["guardrailCoverage"]
    return {
        "usage": verdict.usage,
        "action": "GUARDRAIL_INTERVENED" if verdict.intervened else "NONE",
        "actionReason": verdict.reason,
        "outputs": outputs,
        "assessments": [
            {**verdict.assessment, "appliedGuardrailDetails": details(definition, version)}
        ],
        "guardrailCoverage": coverage,
    }
