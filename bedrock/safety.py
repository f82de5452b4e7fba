"""A workspace's own safety rules in force: its words, its thresholds, its topics.

Every plan has words and thresholds, which the gateway checks itself and by InvokeGuardrailChecks;
topics need a guardrail of one's own (see `bedrock.guardrails`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bedrock.models import SafetyRules, Tier
from bedrock.policy import guardrail_of, kept
from tenants import governance
from tenants.context import TenantContext

CONTENT: Final = ("HATE", "INSULTS", "MISCONDUCT", "SEXUAL", "VIOLENCE")
ATTACKS: Final = ("JAILBREAK", "PROMPT_INJECTION", "PROMPT_LEAKAGE")
ENTITIES: Final = (
    "ADDRESS", "AGE", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER", "CREDIT_DEBIT_CARD_CVV", "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER", "DRIVER_ID", "EMAIL", "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS", "LICENSE_PLATE", "MAC_ADDRESS", "NAME", "PASSWORD", "PHONE", "PIN", "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "URL", "USERNAME", "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER", "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER", "VEHICLE_IDENTIFICATION_NUMBER",
)  # fmt: skip
FINDINGS: Final = frozenset((*CONTENT, *ATTACKS, *ENTITIES))
"""What a threshold may be set for; the names are InvokeGuardrailChecks' own."""
LEAST_GROUNDING: Final = 0.5  # where neither the workspace nor its posture says


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one workspace; version 0 where it has set none."""

    version: int = 0
    words: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    least_grounding: float | None = None
    topics: tuple[Mapping[str, Any], ...] = ()

    def threshold(self, names: tuple[str, ...]) -> dict[str, float]:
        """Return the thresholds set for these findings."""
        return {name: self.thresholds[name] for name in names if name in self.thresholds}


def rules_of(tenant: TenantContext) -> Rules:
    """Return the rules in force for the entered tenant, at most five seconds old."""
    key = ("rules", tenant.id.hex)
    found = kept.get(key, version := governance.version())
    if isinstance(found, Rules):
        return found
    row = SafetyRules.objects.filter(tenant_id=tenant.id).order_by("-version").first()
    rules = Rules() if row is None else rules_in(row)
    kept.put(key, rules, version)
    return rules


def rules_in(row: SafetyRules) -> Rules:
    """Return a stored version's rules."""
    return Rules(
        version=row.version,
        words=tuple(row.words),
        thresholds={name: float(value) for name, value in row.thresholds.items()},
        least_grounding=None if row.least_grounding is None else float(row.least_grounding),
        topics=tuple(row.topics),
    )


def least_grounding(tenant: TenantContext) -> float:
    """Return the score below which an answer is at most partly borne out by its sources."""
    own = rules_of(tenant).least_grounding
    if own is not None:
        return own
    posture = guardrail_of(tenant).least_grounding
    return LEAST_GROUNDING if posture is None else posture


def topics_offered(plan: str) -> bool:
    """Say whether a plan's workspaces may deny topics of their own."""
    return Tier.objects.filter(plan=plan, own_guardrail=True).exists()
