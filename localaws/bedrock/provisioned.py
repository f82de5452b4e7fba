"""Provisioned throughput: model units bought by the hour, called by an ARN of their own."""

from __future__ import annotations

from typing import Any

from localaws import catalog
from localaws.errors import AwsError, invalid, missing
from localaws.guard.store import new_id, now, page
from localaws.state import JsonStore
from localaws.wire import Json, Request

UNITS_PER_REGION = 10


class Provisioned:
    """State keyed by the caller's account and Region; throughput is in service at once."""

    def __init__(self, store: JsonStore) -> None:
        self._store = store

    def _document(self, request: Request) -> dict[str, Any]:
        caller = request.caller
        return self._store.load("provisioned-models", caller.account, caller.region)

    def _save(self, request: Request) -> None:
        self._store.save("provisioned-models", request.caller.account, request.caller.region)

    def create(self, request: Request, params: Json) -> Json:
        """CreateProvisionedModelThroughput."""
        region, account = request.caller.region, request.caller.account
        model_id = params["modelId"].rpartition("foundation-model/")[2]
        model = catalog.models().get(model_id)
        if model is None or not model.on_demand:
            raise invalid("The provided model identifier is invalid.")
        with self._store.lock:
            rows = self._document(request)
            if sum(row["modelUnits"] for row in rows.values()) + params["modelUnits"] > (
                UNITS_PER_REGION
            ):
                raise AwsError(
                    "ServiceQuotaExceededException",
                    f"The account has at most {UNITS_PER_REGION} model units.",
                )
            if any(row["provisionedModelName"] == params["provisionedModelName"]
                   for row in rows.values()):  # fmt: skip
                raise invalid("The provisioned model name is already in use.")
            identifier, moment = new_id(), now()
            arn = f"arn:aws:bedrock:{region}:{account}:provisioned-model/{identifier}"
            rows[identifier] = {
                "modelId": model.id,
                "modelUnits": params["modelUnits"],
                "provisionedModelName": params["provisionedModelName"],
                "provisionedModelArn": arn,
                "commitmentDuration": params.get("commitmentDuration"),
                "creationTime": moment,
                "lastModifiedTime": moment,
                "tags": {tag["key"]: tag["value"] for tag in params.get("tags", [])},
            }
            self._save(request)
        return {"provisionedModelArn": arn}

    def get(self, request: Request, params: Json) -> Json:
        """GetProvisionedModelThroughput, by name, id or ARN."""
        return _shown(self._found(request, params["provisionedModelId"])[1], request)

    def list(self, request: Request, params: Json) -> Json:
        """ListProvisionedModelThroughputs."""
        rows = [_shown(row, request) for row in self._document(request).values()]
        return page(params, "provisionedModelSummaries", rows)

    def delete(self, request: Request, params: Json) -> Json:
        """DeleteProvisionedModelThroughput; not while a commitment runs."""
        with self._store.lock:
            identifier, row = self._found(request, params["provisionedModelId"])
            if row["commitmentDuration"]:
                raise AwsError("ConflictException", "The commitment has not ended.")
            del self._document(request)[identifier]
            self._save(request)
        return {}

    def _found(self, request: Request, wanted: str) -> tuple[str, Json]:
        for identifier, row in self._document(request).items():
            if wanted in (identifier, row["provisionedModelArn"], row["provisionedModelName"]):
                return identifier, row
        raise missing(f"Could not find the provisioned model {wanted}.")


def _shown(row: Json, request: Request) -> Json:
    arn = catalog.model_arn(request.caller.region, row["modelId"])
    shown = {
        "provisionedModelName": row["provisionedModelName"],
        "provisionedModelArn": row["provisionedModelArn"],
        "modelArn": arn,
        "desiredModelArn": arn,
        "foundationModelArn": arn,
        "modelUnits": row["modelUnits"],
        "desiredModelUnits": row["modelUnits"],
        "status": "InService",
        "creationTime": row["creationTime"],
        "lastModifiedTime": row["lastModifiedTime"],
    }
    if row["commitmentDuration"]:
        shown["commitmentDuration"] = row["commitmentDuration"]
    return shown
