"""The Bedrock control plane: models, inference profiles, tags and the logging configuration."""

from __future__ import annotations

import re
from typing import Any

from localaws import catalog
from localaws.catalog import FoundationModel
from localaws.errors import AwsError, invalid, missing
from localaws.guard.store import new_id, now, page
from localaws.state import JsonStore
from localaws.wire import Json, Request

PROFILES_PER_REGION = 1000
TAGS_PER_RESOURCE = 200


def _tags(tags: list[Json]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}


class ControlPlane:
    """State keyed by the caller's account and Region."""

    def __init__(self, store: JsonStore) -> None:
        self._store = store

    def _document(self, collection: str, request: Request) -> dict[str, Any]:
        return self._store.load(collection, request.caller.account, request.caller.region)

    def _save(self, collection: str, request: Request) -> None:
        self._store.save(collection, request.caller.account, request.caller.region)

    # Foundation models ----------------------------------------------------------------------

    def list_models(self, request: Request, params: Json) -> Json:
        """ListFoundationModels."""
        rows = [
            _model_row(model, request.caller.region)
            for model in catalog.models().values()
            if params.get("byProvider", model.provider).lower() == model.provider.lower()
            and params.get("byOutputModality", model.output[0]) in model.output
            and params.get("byInferenceType", "") in ("", *_inference(model))
        ]
        return {"modelSummaries": rows}

    def get_model(self, request: Request, params: Json) -> Json:
        """GetFoundationModel."""
        identifier = params["modelIdentifier"].rpartition("foundation-model/")[2]
        model = catalog.models().get(identifier)
        if model is None:
            raise missing("Could not resolve the foundation model from the provided identifier.")
        return {"modelDetails": _model_row(model, request.caller.region)}

    # Inference profiles ---------------------------------------------------------------------

    def create_profile(self, request: Request, params: Json) -> Json:
        """CreateInferenceProfile, from a foundation model or a system profile."""
        region, account = request.caller.region, request.caller.account
        source = params["modelSource"].get("copyFrom", "")
        models, model = _source(source, account, region)
        if len(params.get("tags", [])) > TAGS_PER_RESOURCE:
            raise AwsError("TooManyTagsException", "A resource has at most 200 tags.")
        with self._store.lock:
            profiles = self._document("inference-profiles", request)
            token = params.get("clientRequestToken")
            for profile in profiles.values():
                if token and profile["token"] == token:
                    return {
                        "inferenceProfileArn": profile["inferenceProfileArn"],
                        "status": "ACTIVE",
                    }
            if len(profiles) >= PROFILES_PER_REGION:
                raise AwsError(
                    "ServiceQuotaExceededException",
                    f"The account has its {PROFILES_PER_REGION} inference profiles already.",
                )
            identifier = new_id()
            arn = f"arn:aws:bedrock:{region}:{account}:application-inference-profile/{identifier}"
            moment = now()
            profiles[identifier] = {
                "inferenceProfileName": params["inferenceProfileName"],
                "inferenceProfileArn": arn,
                "inferenceProfileId": identifier,
                "description": params.get("description"),
                "models": models,
                "modelId": model.id,
                "createdAt": moment,
                "updatedAt": moment,
                "token": token,
                "tags": _tags(params.get("tags", [])),
            }
            self._save("inference-profiles", request)
        return {"inferenceProfileArn": arn, "status": "ACTIVE"}

    def get_profile(self, request: Request, params: Json) -> Json:
        """GetInferenceProfile, of either type."""
        wanted = params["inferenceProfileIdentifier"]
        for row in self._profile_rows(request):
            if wanted in (row["inferenceProfileArn"], row["inferenceProfileId"]):
                return row
        raise missing(f"The inference profile {wanted} was not found.")

    def list_profiles(self, request: Request, params: Json) -> Json:
        """ListInferenceProfiles; the service lists system profiles unless asked otherwise."""
        wanted = params.get("typeEquals", "SYSTEM_DEFINED")
        rows = [row for row in self._profile_rows(request) if row["type"] == wanted]
        return page(params, "inferenceProfileSummaries", rows)

    def delete_profile(self, request: Request, params: Json) -> Json:
        """DeleteInferenceProfile, of an application profile."""
        identifier = params["inferenceProfileIdentifier"].rpartition("/")[2]
        with self._store.lock:
            profiles = self._document("inference-profiles", request)
            if profiles.pop(identifier, None) is None:
                raise missing(f"The inference profile {identifier} was not found.")
            self._save("inference-profiles", request)
        return {}

    def _profile_rows(self, request: Request) -> list[Json]:
        region, account = request.caller.region, request.caller.account
        prefix = f"arn:aws:bedrock:{region}:{account}:inference-profile"
        rows = [
            {
                "inferenceProfileName": f"{name.partition('.')[0].upper()} {model.name}",
                "inferenceProfileArn": f"{prefix}/{name}",
                "inferenceProfileId": name,
                "description": f"Routes requests to {model.name}.",
                "models": [
                    {"modelArn": catalog.model_arn(place, model.id)}
                    for place in catalog.profile_regions(name, region)
                ],
                "createdAt": "2025-01-01T00:00:00.000Z",
                "updatedAt": "2025-01-01T00:00:00.000Z",
                "status": "ACTIVE",
                "type": "SYSTEM_DEFINED",
            }
            for name, model in catalog.system_profiles(region).items()
        ]
        hidden = {"token", "tags", "modelId"}
        for profile in self._document("inference-profiles", request).values():
            shown = {k: v for k, v in profile.items() if k not in hidden and v is not None}
            rows.append({**shown, "status": "ACTIVE", "type": "APPLICATION"})
        return rows

    # Tags -----------------------------------------------------------------------------------

    def _tagged(self, request: Request, arn: str) -> tuple[str, dict[str, str]]:
        """(collection, live tags) of a resource by its ARN."""
        for collection, kind in (
            ("inference-profiles", "application-inference-profile"),
            ("guardrails", "guardrail"),
            ("batch-jobs", "model-invocation-job"),
            ("provisioned-models", "provisioned-model"),
        ):
            prefix = f"arn:aws:bedrock:{request.caller.region}:{request.caller.account}:{kind}/"
            if arn.startswith(prefix):
                record = self._document(collection, request).get(arn[len(prefix) :])
                if record is not None:
                    return collection, record["tags"]
        raise missing(f"The resource {arn} was not found, or cannot be tagged.")

    def tag(self, request: Request, params: Json) -> Json:
        """TagResource."""
        with self._store.lock:
            collection, tags = self._tagged(request, params["resourceARN"])
            added = _tags(params["tags"])
            if len({*tags, *added}) > TAGS_PER_RESOURCE:
                raise AwsError("TooManyTagsException", "A resource has at most 200 tags.")
            tags.update(added)
            self._save(collection, request)
        return {}

    def untag(self, request: Request, params: Json) -> Json:
        """UntagResource."""
        with self._store.lock:
            collection, tags = self._tagged(request, params["resourceARN"])
            for key in params["tagKeys"]:
                tags.pop(key, None)
            self._save(collection, request)
        return {}

    def list_tags(self, request: Request, params: Json) -> Json:
        """ListTagsForResource."""
        _, tags = self._tagged(request, params["resourceARN"])
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    # Invocation logging ---------------------------------------------------------------------

    def get_logging(self, request: Request, params: Json) -> Json:
        """GetModelInvocationLoggingConfiguration; empty where none was put."""
        return dict(self._document("logging", request))

    def delete_logging(self, request: Request, params: Json) -> Json:
        """DeleteModelInvocationLoggingConfiguration."""
        with self._store.lock:
            self._document("logging", request).clear()
            self._save("logging", request)
        return {}


def _inference(model: FoundationModel) -> list[str]:
    kinds = ["ON_DEMAND"] if model.on_demand else []
    return kinds + (["INFERENCE_PROFILE"] if model.geographies else [])


def _model_row(model: FoundationModel, region: str) -> Json:
    return {
        "modelArn": catalog.model_arn(region, model.id),
        "modelId": model.id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": [kind for kind in model.input if kind in ("TEXT", "IMAGE")],
        "outputModalities": list(model.output),
        "responseStreamingSupported": model.streaming,
        "customizationsSupported": [],
        "inferenceTypesSupported": [k for k in _inference(model) if k == "ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _source(arn: str, account: str, region: str) -> tuple[list[Json], FoundationModel]:
    """The models that a new profile routes to, from its `copyFrom`."""
    found = re.fullmatch(
        r"arn:aws[a-z-]*:bedrock:([a-z0-9-]+):(\d{12})?:(foundation-model|inference-profile)/(.+)",
        arn,
    )
    if found is None or found[1] != region or (found[2] and found[2] != account):
        raise invalid("The provided model source is invalid.")
    name = found[4]
    if found[3] == "foundation-model":
        model = catalog.models().get(name)
        if model is None:
            raise missing("Could not find the model in copyFrom.")
        if not model.on_demand:
            raise invalid(f"{name} is offered through a system inference profile only.")
        return [{"modelArn": arn}], model
    model = catalog.system_profiles(region).get(name)
    if model is None:
        raise missing("Could not find the inference profile in copyFrom.")
    places = catalog.profile_regions(name, region)
    return [{"modelArn": catalog.model_arn(place, model.id)} for place in places], model
