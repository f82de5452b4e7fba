"""Shapes of the REST API for conversations and writing."""

from typing import Any, ClassVar

from rest_framework import serializers

from assistant.errors import MOST_ATTACHED
from assistant.keeping import REASON_CHARACTERS
from assistant.models import ActionState, Conversation, MessageRole, MessageStatus, Origin, Rating
from assistant.services import TITLE_CHARACTERS
from documents.models import Status
from documents.serializers import CitationSerializer, ConflictSerializer, WithheldSerializer
from tenants.asked import Asked


class AskMessageSerializer(Asked):
    """What the user says."""

    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    thorough = serializers.BooleanField(
        required=False, help_text="Let the frontier model answer, where the plan has the choice."
    )


class AskWithFilesSerializer(AskMessageSerializer):
    """What the user says, with files of the conversation."""

    attachment_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MOST_ATTACHED,
        help_text="Files of `attachments/` that are `ready`; the answer reads and cites them.",
    )


class AgainSerializer(serializers.Serializer[Any]):
    """How to answer once more."""

    thorough = serializers.BooleanField(required=False)


class ChosenSerializer(Asked):
    """Which branch to show."""

    message_id = serializers.UUIDField(help_text="A message on it.")


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class StepSerializer(serializers.Serializer[Any]):
    """What a tool did for an answer."""

    step = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=["running", "done", "failed", "waiting"])
    line = serializers.CharField(help_text="For people.")


class ActionSerializer(serializers.Serializer[Any]):
    """A change that the assistant proposed; it is made only after `approve`."""

    action_id = serializers.UUIDField()
    name = serializers.CharField()
    summary = serializers.CharField(help_text="What exactly is done.")
    state = serializers.ChoiceField(choices=[*ActionState.values, "expired"])
    expires_at = serializers.DateTimeField()


class DecisionSerializer(Asked):
    approve = serializers.BooleanField()


class SourceSerializer(CitationSerializer):
    url = serializers.CharField(
        required=False, help_text="Where a help page is read; empty for documents."
    )
    standing = serializers.ChoiceField(
        choices=["current", "replaced", "removed"],
        required=False,
        help_text="How the document stands now: a newer version is searched, or it cannot be read"
        " any more. Said of stored conversations.",
    )


class AttachedSerializer(serializers.Serializer[Any]):
    """A file that came with a message."""

    id = serializers.UUIDField(help_text="Also of its text: `documents/{id}/text/`.")
    name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")


class AttachmentSerializer(AttachedSerializer):
    """A file of a conversation, and how far its reading is."""

    status = serializers.ChoiceField(choices=Status.choices)
    progress = serializers.FloatField(help_text="0 to 1.")
    error = ErrorSerializer(allow_null=True, help_text="Why it could not be read.")
    url = serializers.CharField(help_text="The viewer's path.")


class MessageSerializer(serializers.Serializer[Any]):
    """A message; the members after `created_at` are those of answers."""

    id = serializers.UUIDField()
    parent_id = serializers.UUIDField(allow_null=True, help_text="What it follows or answers.")
    role = serializers.ChoiceField(choices=MessageRole.choices)
    text = serializers.CharField(help_text="Markdown; [n] are the citations' numbers.")
    status = serializers.ChoiceField(choices=MessageStatus.choices)
    created_at = serializers.DateTimeField()
    attachments = AttachedSerializer(many=True, required=False, help_text="Of questions.")
    grounded = serializers.ChoiceField(
        choices=["full", "partly", "none"], allow_null=True, required=False
    )
    citations = SourceSerializer(many=True, required=False)
    conflicts = ConflictSerializer(
        many=True, required=False, help_text="Current sources that say other figures."
    )
    usage = serializers.DictField(required=False)
    stop_reason = serializers.CharField(allow_null=True, required=False)
    error = ErrorSerializer(allow_null=True, required=False)
    steps = StepSerializer(many=True, required=False)
    follow_ups = serializers.ListField(child=serializers.CharField(), required=False)
    rating = serializers.ChoiceField(choices=Rating.choices, allow_null=True, required=False)
    actions = ActionSerializer(many=True, required=False)
    request_id = serializers.UUIDField(allow_null=True, required=False)


class BooleanOf(serializers.BooleanField):
    """A moment's being there, as a boolean that may be given."""

    def __init__(self, source: str, **more: Any) -> None:
        super().__init__(source=source, required=False, **more)

    def get_attribute(self, instance: Any) -> bool:
        # Here, since a serializer writes null for what is None and asks the field no further.
        return super().get_attribute(instance) is not None


class ListQuerySerializer(serializers.Serializer[Any]):
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="Words that title or messages hold.",
    )


class RatingSerializer(Asked):
    """What its user thinks of an answer."""

    rating = serializers.ChoiceField(choices=Rating.choices, allow_null=True)
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=REASON_CHARACTERS, trim_whitespace=False
    )


class ConversationSerializer(Asked, serializers.ModelSerializer[Conversation]):
    """A conversation without its messages."""

    title = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    pinned = BooleanOf("pinned_at", help_text="Above the others in its user's list.")
    shared = BooleanOf("shared_at", help_text="Everybody in the workspace may read it.")
    leaf_id = serializers.UUIDField(
        source="leaf",
        read_only=True,
        allow_null=True,
        help_text="The last message of the branch that is shown.",
    )

    class Meta:
        model = Conversation
        fields: ClassVar = [
            "id",
            "title",
            "pinned",
            "shared",
            "leaf_id",
            "created_at",
            "updated_at",
        ]
        read_only_fields: ClassVar = ["id", "created_at", "updated_at"]


class ConversationDetailSerializer(ConversationSerializer):
    """A conversation with all its messages; siblings share a parent."""

    messages = MessageSerializer(many=True)

    class Meta(ConversationSerializer.Meta):
        fields: ClassVar = [*ConversationSerializer.Meta.fields, "messages"]


class WriteSerializer(Asked):
    """What to write, from what."""

    task = serializers.ChoiceField(choices=["draft", "rewrite", "summarize"])
    instructions = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    text = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, trim_whitespace=False
    )
    document_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_null=True
    )
    text_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="A kept text that gets another version."
    )
    once = serializers.CharField(
        required=False,
        max_length=64,
        help_text="A word of yours for a new text. Sent again with it, as after a lost answer, what"
        " is written becomes the next version of that text and no second one.",
    )
    thorough = serializers.BooleanField(
        required=False, help_text="Let the frontier model write, where the plan has the choice."
    )


class ReadSerializer(serializers.Serializer[Any]):
    """How much of a document was read for the text."""

    document_id = serializers.UUIDField()
    document_name = serializers.CharField()
    characters = serializers.IntegerField()
    read = serializers.IntegerField(help_text="Characters that were read.")


class WrittenSerializer(serializers.Serializer[Any]):
    """A finished text."""

    text = serializers.CharField(help_text="Markdown; [n] are the citations' numbers.")
    citations = CitationSerializer(many=True)
    read = ReadSerializer(many=True)
    withheld = WithheldSerializer(
        many=True,
        help_text="Passages that the content rules refuse; the rest was written from, if any was"
        " left.",
    )
    guardrail = serializers.DictField()
    usage = serializers.DictField()
    stop_reason = serializers.CharField(help_text="`interrupted` where the text broke off.")
    error = ErrorSerializer(allow_null=True, help_text="Why the text broke off.")
    request_id = serializers.UUIDField()
    text_id = serializers.UUIDField(
        allow_null=True, help_text="Where it is kept. Null where nothing was written."
    )
    version = serializers.IntegerField(allow_null=True)


class WrittenTextSerializer(serializers.Serializer[Any]):
    """A kept text."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    task = serializers.CharField()
    versions_kept = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TitleSerializer(Asked):
    """What a text is called from now on."""

    title = serializers.CharField(
        trim_whitespace=False, help_text=f"On one line, of at most {TITLE_CHARACTERS} characters."
    )


class VersionSerializer(serializers.Serializer[Any]):
    """One state of a text."""

    number = serializers.IntegerField(help_text="From 1.")
    text = serializers.CharField(source="content", help_text="Markdown.")
    origin = serializers.ChoiceField(choices=Origin.choices)
    citations = CitationSerializer(many=True)
    request_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


class WrittenTextDetailSerializer(WrittenTextSerializer):
    versions = VersionSerializer(many=True, help_text="The first first.")


class RestoreSerializer(Asked):
    version = serializers.IntegerField(min_value=1, max_value=2_000_000_000)
