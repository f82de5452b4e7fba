"""Change a workspace's posture and own rules. Each change is a new version, with an audit row."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from bedrock import policy
from bedrock.errors import GuardrailPoolEmpty, RulesChanged, RulesWrong, TopicsNotIncluded
from bedrock.models import SafetyRules
from bedrock.postureguard import posture_allowed, posture_move
from bedrock.safety import FINDINGS, topics_offered
from bedrock.tasks import own_guardrail_dispatch
from bedrock.wordmatch import folded
from tenants.accounts.audit import audit_write
from tenants.context import Actor, TenantContext, current
from tenants.errors import NotFound
from tenants.versions import version_check
from tenants.wording import grouped

WORDS_AT_MOST: Final = 1_000
PHRASE_CHARACTERS: Final = 100
PHRASE_WORDS: Final = 6
TOPICS_AT_MOST: Final = 20  # the service takes 30; the rest is the postures'
# The service's own limits of a topic: https://docs.aws.amazon.com/bedrock/latest/APIReference/
# API_GuardrailTopicConfig.html
TOPIC_NAME: Final = re.compile(r"[0-9a-zA-Z\-_ !?.]{1,100}")
DEFINITION_CHARACTERS: Final = 200
EXAMPLES_AT_MOST: Final = 5
EXAMPLE_CHARACTERS: Final = 100
KEPT: Final = ("words", "thresholds", "least_grounding", "topics")


def safety_set(
    *,
    actor: Actor,
    words: Sequence[str] | None = None,
    thresholds: Mapping[str, float | Decimal] | None = None,
    least_grounding: Decimal | float | None = None,
    grounding_given: bool = False,
    topics: Sequence[Mapping[str, Any]] | None = None,
    expected: int | None = None,
) -> SafetyRules:
    """Change what is given and keep the rest; in force within five seconds in every process.

    `grounding_given` tells a `least_grounding` of None, which clears it, from none at all;
    `expected` is the version that was looked at. Raises RulesChanged, RulesWrong, TopicsNotIncluded
    and GuardrailPoolEmpty; then nothing is changed.
    """
    tenant = current()
    before = seen(tenant, expected)
    values: dict[str, Any] = {
        "words": before.words if words is None else _words(words),
        "thresholds": before.thresholds if thresholds is None else _thresholds(thresholds),
        "least_grounding": _share(least_grounding) if grounding_given else before.least_grounding,
        "topics": before.topics if topics is None else _topics(topics),
    }
    return _stored(actor, tenant, before, values)


def posture_set(*, actor: Actor, posture: str, expected: int | None = None) -> SafetyRules:
    """Move to another posture; the next message in every process obeys it.

    Raises RulesChanged, RulesWrong, PostureNeedsApproval, NotProvisioned; then nothing is changed.
    """
    tenant = current()
    before = seen(tenant, expected)
    posture_allowed(actor, tenant, posture)
    values = {name: getattr(before, name) for name in KEPT}
    return _stored(actor, tenant, before, {**values, "posture": posture})


def safety_restore(*, actor: Actor, version: int, expected: int | None = None) -> SafetyRules:
    """Set an earlier version again, as a new one, its posture with it.

    Raises NotFound, RulesChanged, PostureNeedsApproval.
    """
    tenant = current()
    before = seen(tenant, expected)
    found = SafetyRules.objects.filter(tenant_id=tenant.id, version=version).first()
    if found is None:
        raise NotFound(_("There is no such version of the rules."))
    posture = found.posture or tenant.posture
    if posture != tenant.posture:
        posture_allowed(actor, tenant, posture)
    values = {name: getattr(found, name) for name in KEPT}
    return _stored(actor, tenant, before, {**values, "posture": posture}, restored_from=version)


def seen(tenant: TenantContext, expected: int | None) -> SafetyRules:
    """Return the version in force. Raises RulesChanged where another one was looked at."""
    found = newest(tenant)
    version_check(found.version, expected, RulesChanged)
    return found


def newest(tenant: TenantContext) -> SafetyRules:
    """Return the version in force; an unsaved version 0 where none was set."""
    found = SafetyRules.objects.filter(tenant_id=tenant.id).order_by("-version").first()
    return found or SafetyRules(tenant_id=tenant.id, version=0)


def _stored(
    actor: Actor,
    tenant: TenantContext,
    before: SafetyRules,
    values: dict[str, Any],
    *,
    restored_from: int | None = None,
) -> SafetyRules:
    posture = values.setdefault("posture", tenant.posture)
    topics_changed = values["topics"] != before.topics
    if values["topics"] and topics_changed:
        _claim(tenant)
    try:
        with transaction.atomic():
            row = SafetyRules.objects.create(
                tenant_id=tenant.id,
                version=before.version + 1,
                changed_by=actor.user_id,
                restored_from=restored_from,
                **values,
            )
            if posture != tenant.posture:
                posture_move(tenant, posture)
            audit_write(
                actor,
                action="safety.restored" if restored_from else "safety.changed",
                object_type="safety_rules",
                object_id=row.id,
                version=row.version,
                restored_from=restored_from,
                posture=posture,
                posture_before=tenant.posture,
                words=len(row.words),
                thresholds=sorted(row.thresholds),
                topics=[topic["name"] for topic in row.topics],
            )
    except IntegrityError as error:
        raise RulesChanged from error
    policy.forget()
    if topics_changed or (row.topics and posture != tenant.posture):
        own_guardrail_dispatch(tenant)
    return row


def _claim(tenant: TenantContext) -> None:
    """Take a place for a guardrail of the workspace's own from the Region's pool, or refuse."""
    if not topics_offered(tenant.plan):
        raise TopicsNotIncluded
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bedrock_guardrail_claim(%s, %s, %s)",
            [tenant.id, tenant.region, tenant.posture],
        )
        if not cursor.fetchone()[0]:
            raise GuardrailPoolEmpty


def _words(words: Sequence[str]) -> list[str]:
    found: dict[str, str] = {}
    for word in words:
        kept = " ".join(str(word).replace("\x00", "").split())
        if not kept:
            continue
        if len(kept) > PHRASE_CHARACTERS or len(kept.split()) > PHRASE_WORDS:
            raise RulesWrong(
                _("A blocked phrase has at most %(words)s words and %(characters)s characters.")
                % {"words": PHRASE_WORDS, "characters": PHRASE_CHARACTERS}
            )
        if not folded(kept).strip():
            raise RulesWrong(_("A blocked word must have a letter, a digit or a sign."))
        found.setdefault(folded(kept), kept)
    if len(found) > WORDS_AT_MOST:
        raise RulesWrong(
            _("At most %(most)s words can be blocked.") % {"most": grouped(WORDS_AT_MOST)}
        )
    return list(found.values())


def _thresholds(thresholds: Mapping[str, float | Decimal]) -> dict[str, float]:
    unknown = sorted(set(thresholds) - FINDINGS)
    if unknown:
        raise RulesWrong(_("There is no check for %(checks)s.") % {"checks": ", ".join(unknown)})
    return {name: float(_share(value) or 0) for name, value in thresholds.items()}


def _share(value: Decimal | float | None) -> Decimal | None:
    if value is None:
        return None
    share = Decimal(str(value))
    if not Decimal("0.05") <= share <= 1:
        raise RulesWrong(_("A threshold stands between 0.05 and 1."))
    return share.quantize(Decimal("0.01"))


def _topics(topics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if len(topics) > TOPICS_AT_MOST:
        raise RulesWrong(_("At most %(most)s topics can be denied.") % {"most": TOPICS_AT_MOST})
    found: dict[str, dict[str, Any]] = {}
    for topic in topics:
        name = " ".join(str(topic.get("name", "")).split())
        definition = " ".join(str(topic.get("definition", "")).split())
        examples = [" ".join(str(e).split()) for e in topic.get("examples", ()) if str(e).strip()]
        if not TOPIC_NAME.fullmatch(name):
            raise RulesWrong(_("A topic's name has up to 100 letters, digits, spaces or -_!?."))
        if not 1 <= len(definition) <= DEFINITION_CHARACTERS:
            raise RulesWrong(
                _("Say in up to %(most)s characters what “%(name)s” covers.")
                % {"most": DEFINITION_CHARACTERS, "name": name}
            )
        if len(examples) > EXAMPLES_AT_MOST or any(len(e) > EXAMPLE_CHARACTERS for e in examples):
            raise RulesWrong(
                _("A topic has at most %(most)s examples of %(characters)s characters.")
                % {"most": EXAMPLES_AT_MOST, "characters": EXAMPLE_CHARACTERS}
            )
        if name.casefold() in found:
            raise RulesWrong(_("The topic “%(name)s” is there twice.") % {"name": name})
        found[name.casefold()] = {"name": name, "definition": definition, "examples": examples}
    return list(found.values())
