"""Knowledge Bases, their data sources and tags: the control plane of bedrock-agent."""

from __future__ import annotations

import secrets
import string
import time
from typing import Any

from localaws import catalog
from localaws.errors import AwsError, invalid, missing
from localaws.guard.store import now, page
from localaws.kb.documents import Documents
from localaws.kb.limits import CLASSIC_BASES, MANAGED_BASES
from localaws.state import JsonStore
from localaws.wire import Json, Request

COLLECTION = "knowledge-bases"
_HIDDEN = {"tags", "sources", "token", "ready", "gone"}
_QUOTAS = {"VECTOR": CLASSIC_BASES, "MANAGED": MANAGED_BASES}


def _new_id() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(10))


def conflict(message: str) -> AwsError:
    """A change that the resource's state or name does not allow."""
    return AwsError("ConflictException", message, status=409)


class KnowledgeBases:
    """State keyed by the caller's account and Region; statuses follow the clock."""

    def __init__(self, store: JsonStore, documents: Documents, delay_seconds: float) -> None:
        self._store = store
        self._documents = documents
        self._delay = delay_seconds

    def _all(self, request: Request) -> dict[str, Json]:
        """The Knowledge Bases that there are now: what was deleted goes when its time has come."""
        place = (request.caller.account, request.caller.region)
        found: dict[str, Json] = self._store.load(COLLECTION, *place)
        moment = time.time()
        gone = [name for name, base in found.items() if base.get("gone", moment + 1) <= moment]
        for name in gone:
            del found[name]
            self._documents.drop(name)
        if gone:
            self._store.save(COLLECTION, *place)
        return found

    def _save(self, request: Request) -> None:
        self._store.save(COLLECTION, request.caller.account, request.caller.region)

    def base(self, request: Request, name: str) -> Json:
        """One Knowledge Base by id or ARN; ResourceNotFoundException otherwise."""
        identifier = name.rpartition("/")[2]
        with self._store.lock:
            found = self._all(request).get(identifier)
        if found is None or (name.startswith("arn:") and name != found["knowledgeBaseArn"]):
            raise missing(f"Knowledge Base with id {identifier} does not exist.")
        return found

    def usable(self, request: Request, name: str) -> Json:
        """One that is ACTIVE: the others take no documents and answer no queries."""
        found = self.base(request, name)
        if _status(found) != "ACTIVE":
            raise invalid(f"Knowledge Base {found['knowledgeBaseId']} is not ACTIVE.")
        return found

    def source(self, request: Request, params: Json) -> tuple[Json, Json]:
        """A usable Knowledge Base and the data source of it that the parameters name."""
        base = self.usable(request, params["knowledgeBaseId"])
        source = base["sources"].get(params["dataSourceId"])
        if source is None:
            raise missing(f"Data source with id {params['dataSourceId']} does not exist.")
        return base, source

    # Knowledge Bases ------------------------------------------------------------------------

    def create(self, request: Request, params: Json) -> Json:
        """CreateKnowledgeBase of type VECTOR or MANAGED."""
        kind = _checked(params, request.caller.region)
        token = params.get("clientToken")
        prefix = f"arn:aws:bedrock:{request.caller.region}:{request.caller.account}"
        with self._store.lock:
            bases = self._all(request)
            for base in bases.values():
                if token and base["token"] == token:
                    return {"knowledgeBase": _shown(base)}
                if base["name"] == params["name"]:
                    raise conflict(f"KnowledgeBase with name {params['name']} already exists.")
            if sum(_kind(base) == kind for base in bases.values()) >= _QUOTAS[kind]:
                raise AwsError(
                    "ServiceQuotaExceededException",
                    f"The account has its {_QUOTAS[kind]} knowledge bases of this kind already.",
                    status=402,
                )
            identifier, moment = _new_id(), now()
            kept = (
                *("name", "description", "roleArn"),
                *("knowledgeBaseConfiguration", "storageConfiguration"),
            )
            bases[identifier] = base = {
                "knowledgeBaseId": identifier,
                "knowledgeBaseArn": f"{prefix}:knowledge-base/{identifier}",
                **{name: params[name] for name in kept if name in params},
                "createdAt": moment,
                "updatedAt": moment,
                "tags": dict(params.get("tags", {})),
                "sources": {},
                "token": token,
                "ready": time.time() + self._delay,
            }
            self._save(request)
        return {"knowledgeBase": _shown(base)}

    def get(self, request: Request, params: Json) -> Json:
        """GetKnowledgeBase."""
        return {"knowledgeBase": _shown(self.base(request, params["knowledgeBaseId"]))}

    def list_bases(self, request: Request, params: Json) -> Json:
        """ListKnowledgeBases."""
        members = ("knowledgeBaseId", "name", "description", "status", "updatedAt")
        with self._store.lock:
            rows = [_shown(base) for base in self._all(request).values()]
        return page(params, "knowledgeBaseSummaries", [_only(row, members) for row in rows])

    def update(self, request: Request, params: Json) -> Json:
        """UpdateKnowledgeBase: name, description and role; the rest may not change."""
        with self._store.lock:
            base = self.usable(request, params["knowledgeBaseId"])
            for name in ("knowledgeBaseConfiguration", "storageConfiguration"):
                if name in params and params[name] != base.get(name):
                    raise invalid(f"{name} cannot be updated.")
            base |= {
                name: params[name] for name in ("name", "description", "roleArn") if name in params
            }
            base["updatedAt"] = now()
            self._save(request)
        return {"knowledgeBase": _shown(base)}

    def delete(self, request: Request, params: Json) -> Json:
        """DeleteKnowledgeBase, with its data sources and documents."""
        with self._store.lock:
            base = self.base(request, params["knowledgeBaseId"])
            base.setdefault("gone", time.time() + self._delay)
            self._save(request)
        return {"knowledgeBaseId": base["knowledgeBaseId"], "status": "DELETING"}

    # Data sources ---------------------------------------------------------------------------

    def create_source(self, request: Request, params: Json) -> Json:
        """CreateDataSource of type CUSTOM, whose documents are taken whole."""
        if params["dataSourceConfiguration"]["type"] != "CUSTOM":
            raise invalid("The local AWS offers data sources of type CUSTOM alone.")
        chunking = params.get("vectorIngestionConfiguration", {}).get("chunkingConfiguration", {})
        if chunking.get("chunkingStrategy") != "NONE":
            raise invalid("The local AWS offers the chunkingStrategy NONE alone.")
        with self._store.lock:
            base = self.usable(request, params["knowledgeBaseId"])
            token = params.get("clientToken")
            for source in base["sources"].values():
                if token and source["token"] == token:
                    return {"dataSource": _only(source, set(source) - _HIDDEN)}
                if source["name"] == params["name"]:
                    raise conflict(f"DataSource with name {params['name']} already exists.")
            identifier, moment = _new_id(), now()
            members = (
                *("name", "description", "dataSourceConfiguration", "dataDeletionPolicy"),
                *("vectorIngestionConfiguration", "serverSideEncryptionConfiguration"),
            )
            base["sources"][identifier] = source = {
                "knowledgeBaseId": base["knowledgeBaseId"],
                "dataSourceId": identifier,
                **{name: params[name] for name in members if name in params},
                "status": "AVAILABLE",
                "createdAt": moment,
                "updatedAt": moment,
                "token": token,
            }
            self._save(request)
        return {"dataSource": _only(source, set(source) - _HIDDEN)}

    def get_source(self, request: Request, params: Json) -> Json:
        """GetDataSource."""
        _, source = self.source(request, params)
        return {"dataSource": _only(source, set(source) - _HIDDEN)}

    def list_sources(self, request: Request, params: Json) -> Json:
        """ListDataSources."""
        members = ("knowledgeBaseId", "dataSourceId", "name", "status", "description", "updatedAt")
        sources = self.base(request, params["knowledgeBaseId"])["sources"].values()
        return page(params, "dataSourceSummaries", [_only(source, members) for source in sources])

    def delete_source(self, request: Request, params: Json) -> Json:
        """DeleteDataSource; its documents go with it unless it retains them."""
        with self._store.lock:
            base, source = self.source(request, params)
            del base["sources"][source["dataSourceId"]]
            self._save(request)
            if source.get("dataDeletionPolicy") != "RETAIN":
                self._documents.drop(base["knowledgeBaseId"], source["dataSourceId"])
        return {**_only(source, ("knowledgeBaseId", "dataSourceId")), "status": "DELETING"}

    # Tags -----------------------------------------------------------------------------------

    def tag(self, request: Request, params: Json) -> Json:
        """TagResource of a Knowledge Base."""
        with self._store.lock:
            self.base(request, params["resourceArn"])["tags"].update(params["tags"])
            self._save(request)
        return {}

    def untag(self, request: Request, params: Json) -> Json:
        """UntagResource."""
        with self._store.lock:
            tags = self.base(request, params["resourceArn"])["tags"]
            for key in params["tagKeys"]:
                tags.pop(key, None)
            self._save(request)
        return {}

    def list_tags(self, request: Request, params: Json) -> Json:
        """ListTagsForResource."""
        return {"tags": dict(self.base(request, params["resourceArn"])["tags"])}


def _kind(base: Json) -> str:
    return str(base["knowledgeBaseConfiguration"]["type"])


def managed(base: Json) -> bool:
    """Whether it is one of the newer ones, which bring their own vector store."""
    return _kind(base) == "MANAGED"


def storage(base: Json) -> str:
    """The type of its vector store; MANAGED for one without a store of the customer's."""
    return str(base.get("storageConfiguration", {}).get("type", "MANAGED"))


def embedding_model(base: Json) -> str:
    """The id of the model that embeds its documents and queries."""
    given = base["knowledgeBaseConfiguration"]
    part = given.get("vectorKnowledgeBaseConfiguration") or given.get(
        "managedKnowledgeBaseConfiguration", {}
    )
    arn = str(part.get("embeddingModelArn") or "amazon.titan-embed-text-v2:0")
    return arn.rpartition("foundation-model/")[2]


def _checked(params: Json, region: str) -> str:
    given: dict[str, Any] = params["knowledgeBaseConfiguration"]
    kind = str(given["type"])
    if kind == "VECTOR":
        if "vectorKnowledgeBaseConfiguration" not in given:
            raise invalid("vectorKnowledgeBaseConfiguration is required for the type VECTOR.")
        if "storageConfiguration" not in params:
            raise invalid("storageConfiguration is required for the type VECTOR.")
    elif kind == "MANAGED":
        if "storageConfiguration" in params:
            raise invalid("storageConfiguration is not allowed for the type MANAGED.")
    else:
        raise invalid(
            f"The local AWS offers knowledge bases of type VECTOR and MANAGED, not {kind}."
        )
    if (name := embedding_model(params)) not in catalog.models():
        raise invalid(f"The embedding model {name} is invalid.")
    if catalog.models()[name].kind != "embedding":
        raise invalid(f"{name} is not an embedding model.")
    part = given.get("vectorKnowledgeBaseConfiguration") or {}
    if (arn := part.get("embeddingModelArn", "")).startswith("arn:") and arn.split(":")[
        3
    ] != region:
        raise invalid("The embedding model must be in the Region of the knowledge base.")
    return kind


def _status(base: Json) -> str:
    if "gone" in base:
        return "DELETING"
    return "ACTIVE" if base["ready"] <= time.time() else "CREATING"


def _shown(base: Json) -> Json:
    return {**_only(base, set(base) - _HIDDEN), "status": _status(base)}


def _only(row: Json, members: Any) -> Json:
    return {name: row[name] for name in members if name in row}
