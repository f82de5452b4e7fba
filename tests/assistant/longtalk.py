"""A long conversation, made by rows: every answer has code, a table and a list."""

from typing import Final
from uuid import UUID

from assistant.models import Conversation, Message, MessageRole
from tenants.context import entered
from tests.assistant.talking import conversation_for
from tests.support.cast import MAX, Person
from tests.support.clients import tenant_of

ANSWER: Final = """The {n}th answer tells of **zebras**, at some length, as people do who know them.

```python
def herd_{n}(zebras):
    stripes = sorted(zebras, key=lambda each: each.stripes)
    return [zebra.name for zebra in stripes if zebra.age > {n}]
```

| zebra | place | stripes |
| --- | --- | --- |
| Zoe | {n} | 31 |
| Zack | 2 | 28 |
| Zelda | 3 | 44 |

1. They graze by day, and drink in the evening.
2. They stand in pairs, head to tail, and see all round.
3. They run when one of them runs.

So it was written of in {n} books, each of which says a little more than the one before it did.
"""


def long_conversation(
    messages: int = 200, person: Person = MAX, title: str = "Zebras"
) -> tuple[UUID, list[Message]]:
    """Return a conversation of so many messages, half of them long answers, and these in order."""
    conversation = conversation_for(person, title)
    made: list[Message] = []
    for position in range(1, messages + 1):
        asks = position % 2 == 1
        made.append(
            Message(
                conversation_id=conversation,
                parent=made[-1] if made else None,
                position=position,
                role=MessageRole.USER if asks else MessageRole.ASSISTANT,
                text=f"Question {position}: what of the zebras?"
                if asks
                else ANSWER.format(n=position),
            )
        )
    with entered(tenant_of(person)):
        Message.objects.bulk_create(made)
        Conversation.objects.filter(id=conversation).update(turns=messages // 2, leaf=made[-1].id)
    return conversation, made


def another_answer(answer: Message, text: str, person: Person = MAX) -> Message:
    """Return a second version of an answer, the newest message, on a branch that is not shown."""
    with entered(tenant_of(person)):
        conversation = Conversation.objects.get(id=answer.conversation_id)
        conversation.turns += 1
        conversation.save(update_fields=["turns"])
        return Message.objects.create(
            conversation=conversation,
            parent_id=answer.parent_id,
            position=2 * conversation.turns,
            role=MessageRole.ASSISTANT,
            text=text,
        )
