"""A workspace's assistant as its admins have it: in force within five seconds in every process."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from bedrock import policy
from bedrock.errors import FeatureOff, RulesChanged, SettingsWrong, TextBlocked
from bedrock.masking import mask
from bedrock.models import AssistantSettings
from bedrock.policy import kept
from tenants import governance
from tenants.accounts.audit import audit_write
from tenants.context import Actor, TenantContext, current
from tenants.errors import NotFound
from tenants.naming import many_lines, one_line
from tenants.versions import version_check
from tenants.wording import grouped

log = structlog.get_logger(__name__)

NAME_CHARACTERS: Final = 40
INSTRUCTION_CHARACTERS: Final = 4_000
FEATURES: Final = {
    "assistant": gettext_lazy("The assistant's conversations"),
    "ask": gettext_lazy("Questions to the documents"),
    "write": gettext_lazy("Write"),
    "actions": gettext_lazy("Changes that the assistant makes"),
}
LANGUAGES: Final = {
    "de": gettext_noop("German"), "en": gettext_noop("English"), "es": gettext_noop("Spanish"),
    "fr": gettext_noop("French"), "it": gettext_noop("Italian"), "ja": gettext_noop("Japanese"),
    "nl": gettext_noop("Dutch"), "pl": gettext_noop("Polish"), "pt": gettext_noop("Portuguese"),
    "zh": gettext_noop("Chinese"),
}  # fmt: skip
"""By what a model is told; pages translate them."""
OWN: Final = ("name", "instructions", "language", "frontier", "off")
_TAG: Final = re.compile(r"<(?=/?\s*workspace_instructions\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Assistant:
    """What is in force; version 0 where nothing was set."""

    version: int = 0
    name: str = ""
    instructions: str = ""
    language: str = ""
    frontier: bool = True
    off: frozenset[str] = field(default_factory=frozenset)


def assistant_of(tenant: TenantContext) -> Assistant:
    """Return the settings in force for the entered tenant, at most five seconds old."""
    key = ("assistant", tenant.id.hex)
    found = kept.get(key, version := governance.version())
    if isinstance(found, Assistant):
        return found
    row = assistant_newest(tenant)
    values = {name: getattr(row, name) for name in OWN}
    assistant = Assistant(row.version, **{**values, "off": frozenset(row.off)})
    kept.put(key, assistant, version)
    return assistant


def assistant_newest(tenant: TenantContext) -> AssistantSettings:
    """Return the version in force; an unsaved version 0 where none was set."""
    rows = AssistantSettings.objects.filter(tenant_id=tenant.id).order_by("-version")
    return rows.first() or AssistantSettings(tenant_id=tenant.id, version=0)


def feature_require(feature: str) -> None:
    """Raise FeatureOff where the workspace's admins have switched the feature off."""
    if feature in assistant_of(current()).off:
        raise FeatureOff(
            _("%(feature)s: switched off in this workspace by an admin.")
            % {"feature": FEATURES[feature]}
        )


def system_with(system: str, *, actor: Actor, feature: str, request_id: UUID) -> str:
    """Return a system prompt with the workspace's name, instructions and language behind it.

    Ours come first and win. Where the workspace masks, the instructions are masked; ones that its
    content rules refuse are left out.
    """
    assistant = assistant_of(current())
    parts = [system]
    if assistant.name:
        parts.append(f"You are called {assistant.name}.")
    if assistant.instructions:
        try:
            [masked] = mask(
                [assistant.instructions], actor=actor, feature=feature, request_id=request_id
            )
        except TextBlocked:
            log.warning("assistant.instructions_refused", version=assistant.version)
        else:
            parts.append(
                "The workspace's admins say the following. Keep to it where it does not go against"
                " the rules above.\n<workspace_instructions>\n"
                f"{_TAG.sub('&lt;', masked)}\n</workspace_instructions>"
            )
    if assistant.language:
        parts.append(
            f"Answer in {LANGUAGES[assistant.language]}, unless the question is in another"
            " language or asks for one."
        )
    return "\n\n".join(parts)


def assistant_set(
    *, actor: Actor, values: Mapping[str, Any], expected: int | None = None
) -> AssistantSettings:
    """Change what `values` holds of OWN and keep the rest. Raises RulesChanged, SettingsWrong."""
    before = _seen(expected)
    wanted = {name: getattr(before, name) for name in OWN}
    wanted |= {name: _CHECKS[name](value) for name, value in values.items()}
    if wanted["instructions"] and "instructions" in values:
        try:  # refused now rather than left out later; nothing is called where nothing is masked
            mask([wanted["instructions"]], actor=actor, feature="assistant", request_id=uuid4())
        except TextBlocked as refused:
            raise SettingsWrong(
                _("The posture refuses these instructions; take secrets and the like out.")
            ) from refused
    return _stored(actor, before, wanted)


def assistant_restore(
    *, actor: Actor, version: int, expected: int | None = None
) -> AssistantSettings:
    """Set an earlier version again, as a new one. Raises NotFound, RulesChanged."""
    before = _seen(expected)
    rows = AssistantSettings.objects.filter(tenant_id=current().id, version=version)
    found = rows.first()
    if found is None:
        raise NotFound(_("There is no such version of these settings."))
    return _stored(actor, before, {name: getattr(found, name) for name in OWN}, version)


def _seen(expected: int | None) -> AssistantSettings:
    found = assistant_newest(current())
    version_check(found.version, expected, RulesChanged)
    return found


def _stored(
    actor: Actor, before: AssistantSettings, values: dict[str, Any], restored: int | None = None
) -> AssistantSettings:
    try:
        with transaction.atomic():
            row = AssistantSettings.objects.create(
                tenant_id=current().id,
                version=before.version + 1,
                changed_by=actor.user_id,
                restored_from=restored,
                **values,
            )
            audit_write(
                actor,
                action="assistant.restored" if restored else "assistant.changed",
                object_type="assistant_settings",
                object_id=row.id,
                version=row.version,
                restored_from=restored,
                changed=[name for name in OWN if getattr(before, name) != values[name]],
                off=row.off,
                frontier=row.frontier,
            )
    except IntegrityError as error:
        raise RulesChanged from error
    policy.forget()
    return row


def _name(value: Any) -> str:
    name = one_line(str(value))
    if len(name) > NAME_CHARACTERS or "<" in name or ">" in name:
        raise SettingsWrong(
            _("A name has up to %(most)s characters, without < and >.") % {"most": NAME_CHARACTERS}
        )
    return name


def _instructions(value: Any) -> str:
    text = many_lines(str(value))
    if len(text) > INSTRUCTION_CHARACTERS:
        raise SettingsWrong(
            _("Instructions have up to %(most)s characters.")
            % {"most": grouped(INSTRUCTION_CHARACTERS)}
        )
    return text


def _language(value: Any) -> str:
    if value not in ("", *LANGUAGES):
        raise SettingsWrong(
            _("There is no language “%(code)s”; choose one of the list.")
            % {"code": str(value)[:20]}
        )
    return str(value)


def _off(value: Sequence[str]) -> list[str]:
    unknown = sorted(set(value) - set(FEATURES))
    if unknown:
        raise SettingsWrong(
            _("There is no feature %(features)s.") % {"features": ", ".join(unknown)[:80]}
        )
    return sorted(set(value))


_CHECKS: Final[Mapping[str, Any]] = {
    "name": _name, "instructions": _instructions, "language": _language, "frontier": bool,
    "off": _off,
}  # fmt: skip
