"""Foundation models, system profiles, and what a `modelId` of any form stands for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from localaws.errors import AwsError, invalid, missing
from localaws.state import JsonStore

_GEOGRAPHY = {"us": "us", "ca": "us", "eu": "eu", "ap": "apac"}


@dataclass(frozen=True)
class FoundationModel:
    """One row of `data/models.json`; sizes in tokens."""

    id: str
    name: str
    provider: str
    kind: str
    context: int
    max_output: int
    input: tuple[str, ...]
    output: tuple[str, ...]
    geographies: tuple[str, ...]
    on_demand: bool
    streaming: bool
    cache_minimum: int | None
    counts_tokens: bool
    regions: tuple[str, ...] = ()  # where it is offered; empty: everywhere


@cache
def models() -> dict[str, FoundationModel]:
    """Every foundation model by id."""
    path = Path(__file__).parent / "data" / "models.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    tuples = ("input", "output", "geographies", "regions")
    found = {}
    for row in rows:
        fields: dict[str, Any] = {k: tuple(v) if k in tuples else v for k, v in row.items()}
        found[row["id"]] = FoundationModel(**fields)
    return found


def offered(model: FoundationModel, region: str) -> bool:
    """Whether a Region has the model."""
    return not model.regions or region in model.regions


def system_profiles(region: str) -> dict[str, FoundationModel]:
    """The system-defined profiles that a Region offers, by id (`us.amazon.nova-lite-v1:0`)."""
    local = {_GEOGRAPHY.get(region.split("-")[0], ""), "global"}
    if region.startswith("ap-northeast"):
        local.add("jp")
    if region.startswith("ap-southeast"):
        local.add("au")
    return {
        f"{geography}.{model.id}": model
        for model in models().values()
        for geography in model.geographies
        if geography in local
    }


def model_arn(region: str, model_id: str) -> str:
    """The ARN of a foundation model."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def profile_regions(profile_id: str, region: str) -> list[str]:
    """The Regions that a system profile routes to, the caller's first."""
    fleet = {
        "us": ["us-east-1", "us-east-2", "us-west-2"],
        "eu": ["eu-central-1", "eu-west-1", "eu-west-3"],
        "apac": ["ap-northeast-1", "ap-southeast-1", "ap-southeast-2"],
        "jp": ["ap-northeast-1", "ap-northeast-3"],
        "au": ["ap-southeast-2", "ap-southeast-4"],
    }.get(profile_id.split(".")[0], [])
    return [region, *(other for other in fleet if other != region)]


_ARN = re.compile(
    r"arn:aws[a-z-]*:bedrock:([a-z0-9-]*):(\d{12})?:"
    r"(foundation-model|inference-profile|application-inference-profile|provisioned-model)/(.+)"
)


def resolve(model_id: str, account: str, region: str, store: JsonStore) -> FoundationModel:
    """The foundation model behind an id, profile id or ARN; AWS's own errors otherwise."""
    found = _ARN.fullmatch(model_id)
    if model_id.startswith("arn:") and found is None:
        raise invalid("The provided model identifier is invalid.")
    if found is not None:
        kind, name = found[3], found[4]
        if found[1] and found[1] != region:
            raise invalid("The provided model identifier is invalid.")
        if kind == "application-inference-profile":
            if found[2] != account:
                raise AwsError(
                    "AccessDeniedException",
                    f"You don't have access to the resource {model_id}.",
                )
            profile = store.load("inference-profiles", account, region).get(name)
            if profile is None:
                raise missing(f"The inference profile {name} was not found.")
            return models()[profile["modelId"]]
        if kind == "provisioned-model":
            throughput = store.load("provisioned-models", account, region).get(name)
            if throughput is None or found[2] != account:
                raise missing("Could not find the provisioned model.")
            return models()[throughput["modelId"]]
        model_id = name
        if kind == "inference-profile" and name not in system_profiles(region):
            raise missing(f"The inference profile {name} was not found.")
    if model_id in (profiles := system_profiles(region)):
        return profiles[model_id]
    model = models().get(model_id)
    if model is None:
        raise invalid("The provided model identifier is invalid.")
    if not model.on_demand:
        raise invalid(
            f"Invocation of model ID {model_id} with on-demand throughput isn't supported. Retry "
            "your request with the ID or ARN of an inference profile that contains this model."
        )
    return model


def places(model_id: str, account: str, region: str, store: JsonStore) -> list[str]:
    """The Regions in which a call to a `modelId` may be served; the caller's own where unsure."""
    name = model_id.rpartition("/")[2] if model_id.startswith("arn:") else model_id
    if ":application-inference-profile/" in model_id:
        profile = store.load("inference-profiles", account, region).get(name)
        found = [model["modelArn"].split(":")[3] for model in profile["models"]] if profile else []
        return found or [region]
    return profile_regions(name, region) if name in system_profiles(region) else [region]
