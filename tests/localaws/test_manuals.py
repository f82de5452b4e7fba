"""How the extractive model answers from manuals: options, constants, defaults, lines of code."""

from __future__ import annotations

import pytest

from .conftest import NOVA, said, user

OPTIONS = """The tool takes these options from the command line.

-w, --warn

Give warnings for extensions of the language.

-s, --strict

Process exactly the language of the standard.

-q, --quiet

Do not print the welcome."""
BUFFER = """You can change the size of the buffer that is used while files are read with

    tool_set_buffer_size(handle, size);

where the default size is 8192 bytes. Files are read in pieces of that size."""
CONSTANTS = """The modes are:

MODE_READ = 1

MODE_WRITE_NETWORK = 5

The structure is not made public."""
MAGIC = """Six bytes identify the type of a file. In plain hexadecimal they are:

FD 37 7A 58 5A 00

The first byte was chosen with care."""
WAIT = """retry_delay is the number of seconds that the tool waits before it tries a request again.
This is normally set to 40. It has to be a positive number. The tool tries three times."""


def _asked(runtime, question, *passages):
    block = "\n".join(
        f'<passage id="{number}" document="tool-manual.txt">{text}</passage>'
        for number, text in enumerate(passages, start=1)
    )
    content = user(f"<passages>{block}</passages>", f"<question>{question}</question>")
    return said(runtime.converse(modelId=NOVA, messages=[content]))


@pytest.mark.parametrize(
    ("question", "passage", "expected"),
    [
        (
            "Which option makes the tool process exactly the standard language?",
            OPTIONS,
            "-s, --strict: Process exactly the language of the standard [1].",
        ),
        (
            "How big is the buffer for reading files unless I change it?",
            BUFFER,
            "with tool_set_buffer_size(handle, size); where the default size is 8192 bytes [1].",
        ),
        ("Which number is MODE_WRITE_NETWORK?", CONSTANTS, "MODE_WRITE_NETWORK = 5 [1]."),
        (
            "What are the bytes in plain hexadecimal?",
            MAGIC,
            "In plain hexadecimal they are: FD 37 7A 58 5A 00 [1].",
        ),
        ("What is retry_delay normally?", WAIT, "This is normally set to 40 [1]."),
    ],
)
def test_a_manual_is_quoted_with_what_its_lines_mean_together(runtime, question, passage, expected):
    assert expected in _asked(runtime, question, passage)


def test_an_unsure_answer_is_followed_by_the_next_likeliest_a_sure_one_is_not(runtime):
    unsure = _asked(runtime, "What happens when a request to the tool fails again?", WAIT)
    assert unsure.count("[1]") > 1
    sure = _asked(runtime, "Is the structure made public?", CONSTANTS)
    assert sure == "The structure is not made public [1]."
