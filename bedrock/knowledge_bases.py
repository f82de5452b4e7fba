"""Knowledge Bases as resources: made, counted, tagged and removed; which one serves a tenant.

Each has one data source of type CUSTOM without chunking: a document there is a chunk of ours. They
are made with the deployment's ops role, outside every tenant, and AWS is never called inside a
transaction. https://docs.aws.amazon.com/bedrock/latest/userguide/kb-direct-ingestion.html
"""

import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from django.db.models import QuerySet

from bedrock.deployment import resource_prefix
from bedrock.errors import KnowledgePoolEmpty, NotProvisioned, OutsideRegion
from bedrock.models import KnowledgeBase, KnowledgePool, ModelRoute, Role
from bedrock.policy import Kept
from bedrock.profiles import routes_of
from tenants import governance
from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.context import TenantContext, current, public_scope
from tenants.lifecycle.steps import Erased
from tenants.registry.models import Retrieval, Status, Tenant
from tenants.vending import role_arn

log = structlog.get_logger(__name__)

READY_WITHIN: Final = 120  # seconds for a Knowledge Base to become ACTIVE
QUOTA_CODES: Final = ("ServiceQuotaExceededException",)

_kept = Kept()


def base_of(tenant: TenantContext, retrieval: str | None = None) -> KnowledgeBase | None:
    """Return the Knowledge Base that serves the entered tenant's target; None for `schema`.

    Raises NotProvisioned where it is missing and OutsideRegion for one that is elsewhere.
    """
    wanted = retrieval or tenant.retrieval
    if wanted == Retrieval.SCHEMA:
        return None
    key = (tenant.id.hex, tenant.region, wanted)
    found = _kept.get(key, version := governance.version())
    if isinstance(found, KnowledgeBase):
        return found
    owner = tenant.id if wanted == Retrieval.KB_DEDICATED else None
    base = KnowledgeBase.objects.filter(region=tenant.region, tenant_id=owner).first()
    if base is None:
        raise NotProvisioned(f"{tenant.region} has no Knowledge Base for {wanted}.")
    if base.arn.split(":")[3] != tenant.region:
        raise OutsideRegion(f"{base.arn} is not in {tenant.region}.")
    _kept.put(key, base, version)
    return base


def base_by_id(base_id: UUID) -> KnowledgeBase | None:
    """Return a Knowledge Base that the entered tenant may use; None when it has gone."""
    return KnowledgeBase.objects.filter(id=base_id, region=current().region).first()


def tenant_knowledge_ensure(tenant: TenantContext) -> None:
    """Onboarding's step: make what the tenant's retrieval target needs, under the owner's login."""
    with public_scope("owner"):
        knowledge_ensure(tenant.region, tenant.retrieval, tenant.id)


def knowledge_ensure(region: str, retrieval: str, tenant_id: UUID) -> KnowledgeBase | None:
    """Make the Knowledge Base of a target if it is missing; None for `schema`.

    Raises KnowledgePoolEmpty when no pool has one to give, and AwsError.
    """
    if retrieval == Retrieval.SCHEMA:
        return None
    owner = tenant_id if retrieval == Retrieval.KB_DEDICATED else None
    row = KnowledgeBase.objects.filter(region=region, tenant_id=owner).first()
    if row is not None:
        return row
    try:
        made = _made(region, owner)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    _kept.clear()
    log.info("knowledge.made", region=region, name=made.name, kind=made.kind)
    return made


def region_knowledge_ensure(region: str) -> list[str]:
    """Make what the Region's tenants lack and return what was made, in words."""
    made = []
    living = Tenant.objects.exclude(status__in=[Status.DELETED, Status.PROVISIONING])
    for tenant in living.filter(region=region).exclude(retrieval=Retrieval.SCHEMA):
        owner = tenant.id if tenant.retrieval == Retrieval.KB_DEDICATED else None
        if KnowledgeBase.objects.filter(region=region, tenant_id=owner).exists():
            continue
        base = knowledge_ensure(region, tenant.retrieval, tenant.id)
        made += [f"knowledge base {base.name}"] if base else []
    return made


def base_erase(tenant: TenantContext, *, region: str = "") -> Sequence[Erased]:
    """Erasing's step: delete the tenant's own Knowledge Base with all that is in it.

    Copies in a shared one are deleted by their own rows, in `search`.
    """
    with public_scope("owner"):
        rows = list(_own(tenant, region))
        for row in rows:
            base_remove(row)
    return [Erased("Knowledge Base", row.region, 1) for row in rows]


def base_left(tenant: TenantContext, *, region: str = "") -> int:
    """Return how many Knowledge Bases of its own the tenant has."""
    with public_scope("owner"):
        return _own(tenant, region).count()


def _own(tenant: TenantContext, region: str) -> QuerySet[KnowledgeBase]:
    rows = KnowledgeBase.objects.filter(tenant_id=tenant.id)
    return rows.filter(region=region) if region else rows


def base_remove(row: KnowledgeBase) -> None:
    """Delete a Knowledge Base; one that has gone already is no error."""
    agent = ops_client("bedrock-agent", row.region)
    try:
        agent.delete_knowledge_base(knowledgeBaseId=row.knowledge_base_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error
    row.delete()
    _kept.clear()


def pool_counts(region: str) -> dict[str, tuple[int, int]]:
    """Return for each kind how many a Region has, and how many tenants may have in all."""
    used = [row.kind for row in KnowledgeBase.objects.filter(region=region)]
    return {
        pool.kind: (used.count(pool.kind), max(0, pool.quota - pool.reserve))
        for pool in KnowledgePool.objects.all()
    }


def _made(region: str, owner: UUID | None) -> KnowledgeBase:
    """Make one from the first pool that has any left. Two at once find each other by the name."""
    counts = pool_counts(region)
    for pool in KnowledgePool.objects.all():
        used, free = counts[pool.kind]
        classic = pool.kind == KnowledgePool.Kind.VECTOR
        # The reserve is for shared ones: each serves a whole Region.
        if used >= (free if owner else pool.quota) or (classic and not pool.storage):
            continue
        try:
            return _made_of(region, owner, pool)
        except ClientError as error:
            if error.response["Error"]["Code"] not in QUOTA_CODES:
                raise
            log.warning("knowledge.quota_met", region=region, kind=pool.kind)
    raise KnowledgePoolEmpty(f"{region} has no Knowledge Base left to give; raise a pool's quota.")


def _made_of(region: str, owner: UUID | None, pool: KnowledgePool) -> KnowledgeBase:
    agent: Any = ops_client("bedrock-agent", region)
    name = f"{resource_prefix()}-{owner.hex if owner else 'shared'}"
    base = _named(agent, name)
    if base is None:
        tags = {"Deployment": resource_prefix(), **({"TenantId": str(owner)} if owner else {})}
        base = agent.create_knowledge_base(
            name=name,
            roleArn=role_arn("knowledge"),
            knowledgeBaseConfiguration=_configuration(region, pool.kind),
            tags=tags,
            **(
                {"storageConfiguration": _filled(pool.storage, region, name)}
                if pool.storage
                else {}
            ),
        )["knowledgeBase"]
    identifier = base["knowledgeBaseId"]
    _wait_until_active(agent, identifier)
    row, _ = KnowledgeBase.objects.get_or_create(
        region=region,
        tenant_id=owner,
        defaults={
            "kind": base["knowledgeBaseConfiguration"]["type"],
            "name": name,
            "knowledge_base_id": identifier,
            "data_source_id": _source(agent, identifier),
            "arn": base["knowledgeBaseArn"],
        },
    )
    return row


def _named(agent: Any, name: str) -> Any:
    """Return the Knowledge Base of a name, which a run that was cut off may have left."""
    for page in agent.get_paginator("list_knowledge_bases").paginate():
        for found in page["knowledgeBaseSummaries"]:
            if found["name"] == name and found["status"] != "DELETING":
                identifier = found["knowledgeBaseId"]
                return agent.get_knowledge_base(knowledgeBaseId=identifier)["knowledgeBase"]
    return None


def _configuration(region: str, kind: str) -> dict[str, Any]:
    """Have documents and queries embedded by the Region's own embedding model, as ours are."""
    route: ModelRoute | None = next(
        (route for route in routes_of(region) if route.role == Role.EMBEDDING), None
    )
    if route is None:
        raise NotProvisioned(f"{region} has no embedding model.")
    model = {
        "embeddingModelArn": f"arn:aws:bedrock:{region}::foundation-model/{route.model_id}",
        "embeddingModelConfiguration": {
            "bedrockEmbeddingModelConfiguration": {
                "dimensions": route.model.dimensions,
                "embeddingDataType": "FLOAT32",
            }
        },
    }
    if kind == KnowledgePool.Kind.VECTOR:
        return {"type": kind, "vectorKnowledgeBaseConfiguration": model}
    managed = {"embeddingModelType": "CUSTOM", **model}
    return {"type": kind, "managedKnowledgeBaseConfiguration": managed}


def _filled(storage: Any, region: str, name: str) -> Any:
    if isinstance(storage, dict):
        return {key: _filled(value, region, name) for key, value in storage.items()}
    if isinstance(storage, str):
        return storage.replace("{region}", region).replace("{name}", name)
    return storage


def _wait_until_active(agent: Any, identifier: str) -> None:
    until = time.monotonic() + READY_WITHIN
    while True:
        status = agent.get_knowledge_base(knowledgeBaseId=identifier)["knowledgeBase"]["status"]
        if status == "ACTIVE":
            return
        if status not in ("CREATING", "UPDATING") or time.monotonic() > until:
            raise NotProvisioned(f"The Knowledge Base {identifier} is {status}.")
        time.sleep(0.1)


def _source(agent: Any, identifier: str) -> str:
    listed = agent.list_data_sources(knowledgeBaseId=identifier)["dataSourceSummaries"]
    for found in listed:
        return str(found["dataSourceId"])
    made = agent.create_data_source(
        knowledgeBaseId=identifier,
        name="chunks",
        dataSourceConfiguration={"type": "CUSTOM"},
        vectorIngestionConfiguration={"chunkingConfiguration": {"chunkingStrategy": "NONE"}},
    )
    return str(made["dataSource"]["dataSourceId"])
