"""The hostile cases of docs/isolation.md: which tests show each, and how large they are in full."""

from dataclasses import dataclass, field
from typing import Final

HERE: Final = "tests/isolation"
MATRIX: Final = f"{HERE}/test_matrix.py::test_no_way_in_answers_whom_it_should_not"
UNTRUSTED: Final = "tests/assistant/test_untrusted.py"
REFUSALS: Final = "tests/documents/test_parsing_refusals.py"
DOORS: Final = "tests/assistant/test_doors.py"


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its tests, the variable that says how large it is, others that make it whole."""

    tests: tuple[str, ...]
    size: tuple[str, int] | None = None
    whole: dict[str, str] = field(default_factory=dict)


def _numbered(*numbers: int, case: Case) -> dict[int, Case]:
    return dict.fromkeys(numbers, case)


def _of(name: str) -> str:
    return f"{HERE}/test_cases.py::{name}"


CASES: Final[dict[int, Case]] = {
    **_numbered(1, 2, 3, 6, 7, 8, 10, 11, case=Case((MATRIX,), whole={"MATRIX": "full"})),
    4: Case(
        (_of("test_interleaved_sockets_of_two_workspaces_read_their_own_alone"),),
        ("ISOLATION_READS", 1_000_000),
        {"ISOLATION_SOCKETS": "200"},
    ),
    9: Case((DOORS,)),
    12: Case(
        (_of("test_equal_names_and_ids_of_two_workspaces_never_meet"),), ("ISOLATION_IDS", 10_000)
    ),
    **_numbered(
        13, 14, case=Case((f"{HERE}/test_layers.py",), whole={"ISOLATION": "full"})
    ),
    15: Case((f"{HERE}/test_poolers.py",), ("POOL_SWITCHES", 50_000)),
    16: Case(("tests/tenants/test_attacks.py", "tests/tenants/test_database_roles.py")),
    17: Case(
        (_of("test_another_workspaces_exact_text_finds_no_passage_score_or_count"),),
        ("ISOLATION_QUERIES", 10_000),
    ),
    18: Case(
        (_of("test_what_was_deleted_or_closed_is_in_no_search_that_begins_afterwards"),),
        ("ISOLATION_DELETIONS", 1_000),
    ),
    **_numbered(19, 20, 21, case=Case((UNTRUSTED,), whole={"UNTRUSTED": "full"})),
    22: Case(
        (_of("test_no_multi_turn_request_for_secrets_gets_another_workspaces_canary"),),
        ("ISOLATION_EXTRACTIONS", 1_000),
    ),
    23: Case(("tests/bedrock/test_closed.py",)),
    **_numbered(26, 27, 28, case=Case((REFUSALS, "tests/documents/test_upload.py"))),
    42: Case(
        (f"{HERE}/test_leaving.py", "tests/tenants/test_offboarding.py"), ("ISOLATION_QUEUED", 200)
    ),
    43: Case(("tests/tenants/test_restore.py",)),
    44: Case(("tests/tenants/test_schemas.py",)),
    45: Case(
        (_of("test_canaries_stay_out_of_logs_metrics_and_error_pages"),),
        ("ISOLATION_CANARIES", 1_000),
    ),
}  # fmt: skip
