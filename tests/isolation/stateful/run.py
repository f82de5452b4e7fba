"""One run's state, and what every operation does with an answer."""

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from django.conf import settings

from tests.isolation.attempts import Headers, by_key, by_session
from tests.isolation.stateful.app import Answer
from tests.isolation.stateful.model import PEOPLE, Model
from tests.support.cast import Person

RANKS: Final = {"viewer": 0, "member": 1, "admin": 2, "owner": 3}
BUSY: Final = {402, 429, 503}  # what a plan or the service refuses for now: no leak, no finding
KEPT: Final = 40  # of the last steps, for the report of a failure


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of one workspace's user; the number decides everything else about it."""

    workspace: str
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.workspace}:{self.name}:{self.number}"

    @classmethod
    def of(cls, text: str) -> "Step":
        workspace, name, number = text.split(":")
        return cls(workspace, name, int(number))


@dataclass(slots=True)
class Run:
    """What has been made, done and found."""

    model: Model
    sessions: dict[str, str]  # by e-mail address
    staff_session: str
    manage: Callable[..., str]  # a management command in a process of its own, under a login
    failures: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    took: Counter[str] = field(default_factory=Counter)  # seconds, by operation
    last: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    aside: dict[str, Any] = field(default_factory=dict)  # moves under way, by workspace

    def fail(self, sentence: str) -> None:
        self.failures.append(sentence)

    def read(
        self,
        answer: Answer,
        viewer: Person | None,
        what: str,
        expected: Collection[int] = (200,),
        *,
        past: bool = False,
    ) -> bool:
        """Judge an answer's every word and its status; return whether it was not refused as busy.

        `viewer` is None for who may see nothing at all.
        """
        for said in self.model.judge(answer.all, viewer, past=past):
            self.fail(f"{said}, in the answer to {what}")
        self.statuses[f"{what} {answer.status}"] += 1
        if answer.status in BUSY:
            return False
        if answer.status not in expected:
            self.fail(f"{what} is answered {answer.status}: {answer.text[:400]}")
        return answer.status in expected


@dataclass(frozen=True, slots=True)
class Turn:
    """Who does a step, and with what luck."""

    run: Run
    person: Person
    rng: Random

    @property
    def model(self) -> Model:
        return self.run.model

    @property
    def host(self) -> str:
        return self.person.host

    @property
    def key(self) -> Headers:
        return by_key(self.person.key)

    @property
    def session(self) -> Headers:
        cookies = by_session(self.run.sessions[self.person.email])["Cookie"]
        token = "c" * 32  # what a browser got with a page and sends back with a form
        return {"Cookie": f"{cookies}; {settings.CSRF_COOKIE_NAME}={token}", "X-CSRFToken": token}

    @property
    def who(self) -> Headers:
        """Return how the person comes in: by key or by session."""
        return self.rng.choice((self.key, self.session))

    def reaches(self, role: str) -> bool:
        return RANKS[self.person.role] >= RANKS[role]

    def luck(self, share: float) -> bool:
        return self.rng.random() < share


def turn_of(run: Run, step: Step) -> Turn:
    """Return the step's turn: the same for the same number."""
    rng = Random(step.number)
    return Turn(run, rng.choice(PEOPLE[step.workspace]), rng)
