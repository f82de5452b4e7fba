"""The extractive model over the wire: it quotes, marks, follows tasks and never invents."""

import re

import pytest

from .conftest import NOVA, said, user

PASSAGES = """<passages>
<passage id="1" document="Travel policy.pdf" page="3">
3.2 Working from abroad
Employees may work from outside their country of em-
ployment for up to 30 days in a calendar year. Each stay
must be approved by the line manager at least two weeks in advance. Dr. Mara Lindt in People
Operations answers questions about tax.
</passage>
<passage id="2" document="expenses.md">
# Expenses
- Hotel: up to $180 a night.
- Meals: up to $60 a day.
Receipts are sent through the finance portal by the fifth of the following month.
</passage>
<passage id="3" document="benefits.docx">Full-time staff receive 25 days of paid vacation. Unused
vacation carries over until 31 March. Questions &amp; answers: ask <question> first.</passage>
</passages>"""
NOT_FOUND = "I could not find the answer to that in the documents."


@pytest.fixture
def ask(runtime):
    """Ask with blocks of text; the answer's text."""

    def put(*texts):
        return said(runtime.converse(modelId=NOVA, messages=[user(*texts)]))

    return put


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "How many days may I work abroad?",
            "Employees may work from outside their country of employment for up to 30 days in a "
            "calendar year [1].",
        ),
        (
            "Who must approve a stay?",
            "Each stay must be approved by the line manager at least two weeks in advance [1].",
        ),
        (
            "Who answers tax questions?",
            "Dr. Mara Lindt in People Operations answers questions about tax [1].",
        ),
        ("What is the hotel limit per night?", "Hotel: up to $180 a night [2]."),
        (
            "Until when does vacation carry over?",
            "Unused vacation carries over until 31 March [3].",
        ),
    ],
)
def test_a_question_is_answered_by_the_sentence_that_answers_it(ask, question, answer):
    assert ask(PASSAGES, f"<question>{question}</question>") == answer


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "Who is the CEO?",
        "What is the parental leave policy?",
        "How many employees work in Berlin?",
        "How do I reset my VPN password?",
    ],
)
def test_what_the_passages_do_not_say_is_not_found(ask, question):
    assert ask(PASSAGES, f"<question>{question}</question>") == NOT_FOUND


def test_a_follow_up_leans_on_the_question_before_it(runtime):
    history = [
        user("<question>Until when does unused vacation carry over?</question>"),
        {"role": "assistant", "content": [{"text": "Until 31 March."}]},
    ]
    last = user(PASSAGES, "<question>And how many days of it are there?</question>")
    answer = said(runtime.converse(modelId=NOVA, messages=[*history, last]))
    assert "25 days of paid vacation [3]" in answer


def test_every_answer_is_verbatim_in_a_passage_it_marks(ask):
    flat = re.sub(r"\s+", " ", PASSAGES.replace("-\n", ""))
    answer = ask(PASSAGES, "<task>summarize</task>")
    sentences = re.findall(r"(.+?) \[(\d)\]\.", answer)
    assert len(sentences) >= 3
    for sentence, _ in sentences:
        assert sentence.strip(" -\n") in flat


def test_a_summary_has_the_number_of_points_asked_for(ask):
    asked = "<task>summarize</task><instructions>as 2 bullet points</instructions>"
    assert len(re.findall(r"^- .+\[\d\]\.$", ask(PASSAGES, asked), re.MULTILINE)) == 2


def test_a_rewrite_cleans_without_changing_what_is_said(ask):
    text = (
        "<text>Basically, we are able to deliver the the goods in order to help. Good. Good.</text>"
    )
    assert ask("<task>rewrite</task>", text) == "We can deliver the goods to help. Good."


def test_it_says_that_it_cannot_translate(ask):
    asked = "<task>rewrite</task><instructions>Translate into German</instructions>"
    assert "cannot translate" in ask(asked, "<text>Good morning.</text>")


def test_a_draft_takes_its_points_from_the_instructions_and_its_facts_from_passages(ask):
    asked = "<instructions>Write an email about working abroad and hotel limits</instructions>"
    text = ask("<task>draft</task>", asked, PASSAGES)
    assert text.startswith("Subject: Working abroad and hotel limits")
    assert "**Working abroad**" in text and "30 days in a calendar year [1]." in text
    assert "**Hotel limits**" in text and "Hotel: up to $180 a night [2]." in text


@pytest.mark.parametrize(
    "question",
    ["How many days may I work abroad each year, and who approves?", "vacation?", "Hello", "a b"],
)
def test_a_title_has_three_to_seven_words(ask, question):
    assert 3 <= len(ask("<task>title</task>", f"<text>{question}</text>").split()) <= 7


def test_a_short_follow_up_is_made_self_contained_and_a_full_question_is_left(ask):
    history = "<history>user: How many days may I work abroad?\nassistant: 30 days.</history>"

    def standalone(question):
        asked = f"<question>{question}</question>"
        return ask("<task>standalone_question</task>", history, asked)

    assert "abroad" in standalone("And for contractors?")
    full = "What is the hotel limit per night in Vienna?"
    assert standalone(full) == full


def test_a_question_goes_to_the_search_tool_where_there_is_one(runtime):
    schema = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
    search = {
        "toolSpec": {
            "name": "search_documents",
            "description": "Search the workspace's documents",
            "inputSchema": {"json": schema},
        }
    }
    asked = user("How many days may I work abroad?")
    first = runtime.converse(modelId=NOVA, messages=[asked], toolConfig={"tools": [search]})
    (block,) = first["output"]["message"]["content"]
    assert "abroad" in block["toolUse"]["input"]["query"]
    result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": PASSAGES}]}
    messages = [asked, first["output"]["message"]]
    messages.append({"role": "user", "content": [{"toolResult": result}]})
    second = runtime.converse(modelId=NOVA, messages=messages, toolConfig={"tools": [search]})
    assert "30 days in a calendar year [1]." in said(second)


def test_the_same_request_gets_the_same_answer(ask):
    asked = (PASSAGES, "<task>summarize</task>")
    assert ask(*asked) == ask(*asked)


def test_the_headings_above_a_passage_tell_which_of_two_alike_is_meant(ask):
    files = "".join(
        f'<passage id="{number}" document="spec.pdf" section="System \u203a The {kind} files">'
        f"The file starts with the string {start}.</passage>"
        for number, kind, start in ((1, "tree", "TREE-1"), (2, "magic", "MAGIC-2"))
    )
    for kind, start in (("magic", "MAGIC-2"), ("tree", "TREE-1")):
        asked = f"<question>With which string do the {kind} files start?</question>"
        assert start in ask(f"<passages>{files}</passages>", asked).split("[")[0]


MANUAL = """<passages><passage id="1" document="manual.txt">
CONTEXT_BYTES is the number of input bytes that are kept for reports about
errors. This is normally set to 1024, and must be a positive integer.

Members of this group may read the logs of all the machines, and nothing else.
audio
This group can be used locally to give a set of users access to an audio device.

5.1 Sound and access to audio devices of all users ............ 12
</passage></passages>"""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "What number is CONTEXT_BYTES set to by default?",
            "CONTEXT_BYTES is the number of input bytes that are kept for reports about errors [1]."
            " This is normally set to 1024, and must be a positive integer [1].",
        ),
        (
            "What can the audio group be used for?",
            "This group can be used locally to give a set of users access to an audio device [1].",
        ),
    ],
)
def test_it_reads_on_where_a_sentence_leaves_the_answer_open(ask, question, answer):
    assert ask(MANUAL, f"<question>{question}</question>") == answer
