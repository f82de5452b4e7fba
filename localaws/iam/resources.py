"""What a Bedrock request is about: ARNs, their tags, the models behind a profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localaws import catalog
from localaws.iam.documents import Check
from localaws.iam.patterns import Context
from localaws.state import JsonStore

Json = dict[str, Any]

# Kinds of resources in ARNs, and the collection of the store that keeps their tags.
TAGGED = {
    "application-inference-profile": "inference-profiles",
    "guardrail": "guardrails",
    "knowledge-base": "knowledge-bases",
    "model-invocation-job": "batch-jobs",
    "provisioned-model": "provisioned-models",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Where an operation is asked for, and what it is about."""

    store: JsonStore
    account: str
    region: str

    def arn(self, kind: str, identifier: str) -> str:
        """The ARN of a resource that is named by its id or by its ARN."""
        if identifier.startswith("arn:"):
            return identifier
        return f"arn:aws:bedrock:{self.region}:{self.account}:{kind}/{identifier}"

    def tags(self, arn: str) -> Context:
        """`aws:ResourceTag/…` of a resource; nothing for one that does not exist."""
        _, _, _, region, account, resource = arn.split(":", 5)
        kind, _, identifier = resource.partition("/")
        collection = TAGGED.get(kind)
        if collection is None or not account:
            return {}
        record = self.store.load(collection, account, region).get(identifier, {})
        return {f"aws:resourcetag/{k.lower()}": v for k, v in record.get("tags", {}).items()}

    def check(self, action: str, arn: str, more: Context | None = None) -> Check:
        """A permission on a resource, with the resource's tags in the context."""
        return Check(f"bedrock:{action}", arn, {**self.tags(arn), **(more or {})})

    def models_behind(self, model_id: str) -> tuple[str, list[str], str]:
        """(ARN that was named, ARNs of foundation models behind it, profile's ARN or empty)."""
        if not model_id.startswith("arn:"):
            if model_id in catalog.models():
                return catalog.model_arn(self.region, model_id), [], ""
            kind = "inference-profile" if "." in model_id else "application-inference-profile"
            model_id = self.arn(kind, model_id)
        parts = model_id.split(":", 5)
        kind, _, name = (parts[5] if len(parts) == 6 else "").partition("/")
        if kind == "inference-profile":
            model = name.partition(".")[2]
            places = catalog.profile_regions(name, self.region)
            return model_id, [catalog.model_arn(place, model) for place in places], model_id
        if kind == "application-inference-profile":
            profiles = self.store.load("inference-profiles", parts[4], parts[3])
            behind = [row["modelArn"] for row in profiles.get(name, {}).get("models", [])]
            return model_id, behind, model_id
        return model_id, [], ""

    def guardrail(self, identifier: str | None) -> Iterator[Check]:
        """ApplyGuardrail on the guardrail that a call names."""
        if identifier:
            yield self.check("ApplyGuardrail", self.arn("guardrail", identifier))

    def invoke(
        self, action: str, model_id: str, guardrail: str | None = None, version: str | None = None
    ) -> Iterator[Check]:
        """What calling a model needs: the profile, each model behind it, and the guardrail."""
        named, behind, profile = self.models_behind(model_id)
        context: dict[str, str] = {}
        if profile:
            context["bedrock:inferenceprofilearn"] = profile
        if guardrail:
            arn = self.arn("guardrail", guardrail)
            # DRAFT has no suffix.
            # https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html
            numbered = version and version != "DRAFT"
            context["bedrock:guardrailidentifier"] = f"{arn}:{version}" if numbered else arn
        for arn in (named, *behind):
            yield self.check(action, arn, context)
        yield from self.guardrail(guardrail)
