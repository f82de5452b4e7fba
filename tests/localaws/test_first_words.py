"""What the local model's first words wait for, and what they do not."""

import json
import threading
from pathlib import Path

import bedrock
from localaws.embedder import Embedder
from localaws.guard import pii
from localaws.guard.conversation import Guard
from localaws.model.prompt import Passage
from localaws.model.rank import passage_sentences

SOURCE = "Parcels leave the warehouse within two working days of the order."
POSTURES = json.loads((Path(bedrock.__file__).parent / "data" / "postures.json").read_text())


def guard_of(embedder):
    definition = {**POSTURES["general"], "guardrailId": "a", "guardrailArn": "arn"}
    guard = Guard(definition, embedder, traced="enabled", streams_first=False, version="1")
    guard.check_input(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"guardContent": {"text": {"text": text, "qualifiers": [kind]}}}
                        for text, kind in ((SOURCE, "grounding_source"), ("When?", "query"))
                    ],
                }
            ]
        }
    )
    return guard


def test_words_do_not_wait_for_grounding_that_refuses_nothing():
    guard = guard_of(embedder := Embedder())  # who asks for it waits
    shown = []
    judging = threading.Thread(target=lambda: shown.append(guard.check_output(SOURCE)), daemon=True)
    judging.start()
    judging.join(timeout=10)
    assert shown == [None]
    embedder.start()
    [told] = guard.trace()["outputAssessments"]["a"]
    assert told["invocationMetrics"]["usage"]["contextualGroundingPolicyUnits"] == 1


def test_grounding_is_told_of_an_answer_that_made_something_up():
    guard = guard_of(embedder := Embedder())
    embedder.start()
    assert guard.check_output("A drone brings them to the moon in 12 minutes.") is None
    [told] = guard.trace()["outputAssessments"]["a"]
    kinds = [each["type"] for each in told["contextualGroundingPolicy"]["filters"]]
    assert "GROUNDING" in kinds
    assert guard.trace()["actionReason"] == "No action."


def test_a_key_inside_an_address_is_the_address():
    key = "AKIAIOSFODNN7EXAMPLE"
    [found] = pii.find(f"It is {key}.", {"AWS_ACCESS_KEY"})
    assert (found.match, found.start) == (key, 6)
    assert pii.find(f"See https://example.org/{key} for it.", {"AWS_ACCESS_KEY"}) == []


def test_readers_of_one_passage_mark_their_own_sentences():
    first = passage_sentences([Passage("1", SOURCE), Passage("2", SOURCE)])
    first[0].text = "Said otherwise."
    again = passage_sentences([Passage("7", SOURCE)])
    assert (first[0].marks, again[0].marks, again[0].text) == (["1", "2"], ["7"], SOURCE)


def test_tokens_of_a_text_are_those_of_its_lines_however_often_it_is_read():
    embedder = Embedder()
    embedder.start()
    counts = [embedder.count(text) for text in ("One tent.", "Two poles, six pegs.", "")]
    assert counts[0] > 1 and counts[1] > counts[0] and counts[2] == 0
    for _ in range(2):
        assert embedder.count("One tent.\nTwo poles, six pegs.") == counts[0] + counts[1] + 1
