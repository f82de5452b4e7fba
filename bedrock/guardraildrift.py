"""Compare a guardrail as AWS has it with the definition it was made from.

GetGuardrail names things otherwise than CreateGuardrail takes them (`topicPolicy.topics` for
`topicPolicyConfig.topicsConfig`) and adds defaults, so only what was asked for is compared, and
that nothing was added.
"""

from collections.abc import Mapping
from typing import Any, Final

LISTS: Final = {
    "topicPolicyConfig": ("topicPolicy", {"topicsConfig": ("topics", "name")}),
    "contentPolicyConfig": ("contentPolicy", {"filtersConfig": ("filters", "type")}),
    "wordPolicyConfig": (
        "wordPolicy",
        {"wordsConfig": ("words", "text"), "managedWordListsConfig": ("managedWordLists", "type")},
    ),
    "sensitiveInformationPolicyConfig": (
        "sensitiveInformationPolicy",
        {"piiEntitiesConfig": ("piiEntities", "type"), "regexesConfig": ("regexes", "name")},
    ),
    "contextualGroundingPolicyConfig": (
        "contextualGroundingPolicy",
        {"filtersConfig": ("filters", "type")},
    ),
}
PLAIN: Final = ("description", "blockedInputMessaging", "blockedOutputsMessaging")


def differs(definition: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Say whether what AWS has is not what `definition` asks for."""
    if any(definition.get(name, "") != found.get(name, "") for name in PLAIN):
        return True
    for config, (policy, lists) in LISTS.items():
        for asked, (there, key) in lists.items():
            wanted = {row[key]: row for row in definition.get(config, {}).get(asked, [])}
            standing = {row[key]: row for row in found.get(policy, {}).get(there, [])}
            if wanted.keys() != standing.keys():
                return True
            if any(_differs(row, standing[name]) for name, row in wanted.items()):
                return True
    return False


def _differs(wanted: Mapping[str, Any], standing: Mapping[str, Any]) -> bool:
    return any(standing.get(name) != value for name, value in wanted.items())
