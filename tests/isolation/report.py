"""What `make isolation` does and prints, part by part; a part that fails makes it fail."""

from __future__ import annotations

import argparse
from pathlib import Path

from django.db import connection

from tests.isolation.faults import caught, cries
from tests.isolation.layers import scores
from tests.isolation.matrix import attacked
from tests.isolation.stateful.drive import Outcome, driven, shrunk
from tests.isolation.stateful.run import Step
from tests.isolation.stateful.spread import spread
from tests.isolation.world import build
from tests.support.services import Worker

ERRORS = {str(status) for status in range(500, 600) if status != 503}
SHRUNK_TO = Path("var") / "isolation-steps.txt"


def main(worker: Worker, asked: argparse.Namespace) -> int:
    """Run the parts and return the exit code."""
    parts = {
        "random": lambda: stateful(worker, asked),
        "ways": lambda: ways_in(worker),
        "layers": lambda: layers_alone(worker),
        "faults": lambda: harness_proven(worker),
    }
    fine = []
    for name in asked.only:
        afresh(worker)
        fine.append(parts[name]())
    print("\nIsolation holds." if all(fine) else "\nISOLATION DOES NOT HOLD.", flush=True)
    return 0 if all(fine) else 1


def ways_in(worker: Worker) -> bool:
    """Try every way in; each must be covered, and none may answer whom it should not."""
    report = attacked(build(), worker.empty_redis)
    covered = len(report.covered)
    print(f"\nEvery way in: {covered} of {report.entries} entries of the attack matrix covered,"
          f" {report.attempts:,} attempts in {report.seconds:.0f} s,"
          f" {report.server_errors} answered 5xx,"
          f" {len(report.failures)} failures", flush=True)  # fmt: skip
    _told(report.failures)
    return covered == report.entries and not report.failures


def layers_alone(worker: Worker) -> bool:
    """Score each layer with the others switched off; each must refuse everything by itself."""
    told = scores(worker, build())
    print("\nEach layer alone:", flush=True)
    for name, score in told.items():
        share = score.refused / score.tried if score.tried else 0
        print(f"  {name}: {share:.1%} refused ({score.refused:,} of {score.tried:,})")
        _told(score.through)
    return all(score.tried and not score.through for score in told.values())


def harness_proven(worker: Worker) -> bool:
    """Plant faults and see that each is caught, and that nothing is found where there is none."""
    world = build()
    false_alarms = cries(worker, world)
    score = caught(worker, world)
    print(f"\nFaults planted: {score.tried}, caught: {score.refused},"
          f" false alarms without any: {len(false_alarms)}", flush=True)  # fmt: skip
    _told([f"nobody noticed {name}" for name in score.through] + false_alarms)
    return bool(score.tried) and not score.through and not false_alarms


def _told(failures: list[str]) -> None:
    if failures:
        print("\n".join(f"  FAILED: {said}" for said in failures[:20]), flush=True)


def afresh(worker: Worker) -> None:
    """Begin with the database of the tests' cast and an empty Redis."""
    from bedrock import policy
    from billing import catalog

    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    worker.clone_database()
    worker.empty_redis()
    policy.forget()
    catalog.forget()


def stateful(worker: Worker, asked: argparse.Namespace) -> bool:
    """Run the random operations; where they fail, look for few that do."""
    if asked.steps:
        steps = [Step.of(line) for line in Path(asked.steps).read_text().split()]
        outcome = driven(worker, asked.seed, steps, at_once=False)
    else:
        outcome = spread(worker, asked.seed, asked.operations, asked.processes)
    print(f"\nRandom operations: {outcome}", flush=True)
    print(f"  at most {outcome.bound:.2g} leaks an operation, with 95 % confidence (3/N)")
    each = [
        f"{name} {n:,} ({outcome.took[name] / n * 1000:.0f} ms)"
        for name, n in sorted(outcome.done.items())
    ]
    print("  done: " + ", ".join(each))
    errors = sum(n for said, n in outcome.statuses.items() if said.rsplit(" ", 1)[-1] in ERRORS)
    print(f"  answered 5xx: {errors} (503 tells a busy service, and is none of them)")
    print("  looked at: " + ", ".join(f"{n:,} {name}" for name, n in outcome.looks.items()))
    if outcome.failures:
        _failed(worker, asked, outcome)
    return not outcome.failures


def _failed(worker: Worker, asked: argparse.Namespace, outcome: Outcome) -> None:
    _told(outcome.failures)
    print("  the last steps: " + " ".join(outcome.last))
    done = outcome.steps[: outcome.operations]
    print(f"  looking for fewer than {len(done):,} steps that fail too …", flush=True)
    few = shrunk(worker, outcome.seed, done, lambda: afresh(worker))
    SHRUNK_TO.parent.mkdir(exist_ok=True)
    SHRUNK_TO.write_text("\n".join(map(str, few)))
    print(f"  {len(few):,} steps: python -m tests.isolation --only random --steps {SHRUNK_TO}")
    print("  " + " ".join(map(str, few[:40])), flush=True)
