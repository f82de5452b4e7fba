"""Make one answer: understand the question, retrieve, stream; `settling.py` ends it."""

from typing import Final

from django.utils.translation import gettext as _

from assistant.actions import action_carry_out
from assistant.attached import Files, attached_read, files_of
from assistant.helping import configurations, help_passages, helped_line
from assistant.looping import Made, passages_withheld, said, step_told, tool_result, worked
from assistant.models import Action, ActionState, Message
from assistant.oneliners import question_alone
from assistant.prompts import Said, leans_on_history, turn_messages
from assistant.runner import RunningTurn
from assistant.seeing import pictures_seen
from assistant.selectors import before_turn
from assistant.settling import turn_broken, turn_settle
from assistant.summarizing import since_summary, summary_due, summary_made
from assistant.tools import TOOLS
from assistant.tools.base import Calling, Outcome
from assistant.tools.reading import searched_line
from bedrock.gateway import (
    Finished,
    Masked,
    ModelAnswer,
    TextBlocked,
    as_masked,
    mask,
    refused,
)
from billing.settlement import settlements_ride
from search.retrieval import find
from tenants.foreseen import foreseen

PASSAGES: Final = 6
QUERY_CHARACTERS: Final = 1_000  # of a question that are searched for; all of it is answered


def answer(running: RunningTurn) -> None:
    """Run the turn to its end, whatever that is; every end is stored and told."""
    turn = running.turn
    question = turn.answer.parent
    assert question is not None  # an answer always has its question
    made = Made(
        Calling(
            actor=running.actor,
            conversation_id=turn.conversation_id,
            request_id=running.request_id,
            said=question.text,
        )
    )
    before = before_turn(question, turn)
    running.frames.send(
        "turn.started",
        message_id=str(turn.answer_id),
        question_id=str(question.id),
        question=question.text,
        attachments=question.attached,
        decision=question.decided_id is not None,
        parent_id=str(question.parent_id) if question.parent_id else None,
        question_versions=before.question_versions,
        versions=before.versions,
        request_id=str(turn.answer.request_id),
    )
    try:
        with settlements_ride():
            finished = _answered(running, question, before.history, made)
            turn_settle(running, question, finished, made)
    except Exception as error:  # a defect must not leave a turn that never ends
        turn_broken(running, foreseen(error), made)


def _answered(
    running: RunningTurn, question: Message, before: list[Message], made: Made
) -> Finished | None:
    """Return the model's last answer; None when the reader stopped it before a model was asked."""
    earlier = since_summary(before)
    try:
        asked, *history = _said(running, [question, *earlier])
    except TextBlocked as blocked:
        return Finished(refused(running.request_id, blocked))
    made.asked = asked.text
    history = _shortened(running, earlier, history, made)
    if question.decided is not None:
        return _decided(running, question.decided, history, made)
    _search(running, asked.text, history, made, files_of(question, before))
    if running.cancelled.is_set():
        return None
    finished = _asked(running, asked.text, history, made)
    if finished is None or not _withheld(running, made, finished.answer):
        return finished
    return _asked(running, asked.text, history, made)


def _asked(running: RunningTurn, question: str, history: list[Said], made: Made) -> Finished | None:
    messages = turn_messages(history, question, made.passages, made.summary, made.pictures)
    return worked(running, made, messages)


def _withheld(running: RunningTurn, made: Made, answer: ModelAnswer) -> bool:
    """Leave out the passages that an answer was blocked for, and tell whose they are.

    Return whether to ask once more without them: not where the answer's own words were refused, or
    some of them were shown.
    """
    if answer.refused is None or running.cancelled.is_set():
        return False
    found = passages_withheld(running, made, made.passages, answer.refused)
    withheld = made.calling.withheld
    made.calling.passages = [each for each in made.passages if each.chunk_id not in withheld]
    return found and answer.refused == "input" and not made.shown


def _shortened(
    running: RunningTurn, earlier: list[Message], history: list[Said], made: Made
) -> list[Said]:
    """Return what a model is told word for word; what came before it is in `made.summary`."""
    if earlier and earlier[0].summary:
        made.summary = as_masked(earlier[0].summary, history[0].text)
        earlier, history = earlier[1:], history[1:]
    count = summary_due(history, made.summary)
    if not count:
        return history
    at = step_told(running, made, name="summarize", line=_("Summarizing earlier messages"))
    made_now = summary_made(running, earlier[count - 1], history[:count], made.summary)
    line = _("Earlier messages could not be summarized")
    if made_now:
        line = _("Earlier messages summarized")
    status = "done" if made_now else "failed"
    step_told(running, made, name="summarize", line=line, at=at, status=status)
    made.summary = made_now or made.summary
    return history[count:] if made_now else history


def _decided(
    running: RunningTurn, action: Action, history: list[Said], made: Made
) -> Finished | None:
    """Carry out what was approved, once, and let the model go on from its result."""
    if action.state == ActionState.DECLINED:
        made.ruled = True
        said(running, made, _("All right, nothing was changed."))
        return None
    tool = TOOLS[action.name]
    text = action.result
    failed = action.state == ActionState.FAILED
    if action.state == ActionState.APPROVED:
        at = step_told(running, made, name=tool.name, line=tool.doing)
        outcome = action_carry_out(actor=running.actor, action=action)
        failed = not isinstance(outcome, Outcome)
        text = outcome.text if isinstance(outcome, Outcome) else outcome.detail
        line = outcome.line if isinstance(outcome, Outcome) else f"{tool.doing}: {text}"
        status = "failed" if failed else "done"
        step_told(running, made, name=tool.name, line=line, at=at, status=status)
    use = action.tool_use
    called = {"toolUseId": use["id"], "name": use["name"], "input": use["input"]}
    messages = [
        *turn_messages(history, made.asked, [], made.summary),
        {"role": "assistant", "content": [{"toolUse": called}]},
        {"role": "user", "content": [tool_result(use["id"], text, failed=failed)]},
    ]
    return worked(running, made, messages)


def _said(running: RunningTurn, messages: list[Message]) -> list[Said]:
    """Return the messages as a model may read them; the first is the question.

    Raises TextBlocked for a question that the content rules refuse; an earlier message that they
    refuse, as withdrawn ones are, is left empty.
    """

    def masked(texts: list[str]) -> list[str]:
        return mask(
            texts,
            actor=running.actor,
            feature="assistant",
            request_id=running.request_id,
        )

    texts = [message.text for message in messages]
    try:
        done = masked(texts)
    except TextBlocked:
        done = masked(texts[:1])
        for text in texts[1:]:
            try:
                done += masked([text])
            except TextBlocked:
                done.append(Masked(""))
    return [
        Said(message.role, message.status, text)
        for message, text in zip(messages, done, strict=True)
    ]


def _search(
    running: RunningTurn, asked: str, history: list[Said], made: Made, files: Files
) -> None:
    """Look for passages before the model is asked: most questions then need no further step.

    Attached files come before the workspace's documents.
    """
    name = "search_documents"
    at = step_told(running, made, name=name, line=TOOLS[name].doing)
    spoken = asked
    if leans_on_history(asked, history):
        asked = as_masked(question_alone(running, asked, history), asked) or asked
    made.alone = str(asked)
    query = as_masked(asked[:QUERY_CHARACTERS], asked)
    attached_read(running, made, files, query)
    pictures_seen(running, made, files)
    findings = find(
        actor=running.actor, scope=made.calling.scope, query=query, limit=PASSAGES,
        request_id=running.request_id, phrases=False, stems_in=configurations(),
    )  # fmt: skip
    passages = findings.passages
    known = {passage.chunk_id for passage in made.passages}
    made.calling.passages += [each for each in passages if each.chunk_id not in known]
    found = len({passage.document_id for passage in passages})
    line = searched_line(len(passages), found)
    step_told(running, made, name=name, line=line, at=at, status="done",
              found=len(passages), documents=found)  # fmt: skip
    helped = help_passages(asked, findings.words.stems)
    if not helped and spoken != asked:  # how the product works, asked amid something else
        helped = help_passages(spoken)
    if helped:
        made.calling.passages += helped
        step_told(running, made, name="search_help", line=helped_line(helped), status="done")
