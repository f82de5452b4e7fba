"""Guardrails and their versions: the control plane, and the lookup that calls use."""

from __future__ import annotations

import copy
import re
import secrets
import string
from datetime import UTC, datetime

from localaws.errors import AwsError, invalid, missing
from localaws.guard import policies
from localaws.state import JsonStore
from localaws.wire import Json, Request

GUARDRAILS_PER_REGION = 100
VERSIONS_PER_GUARDRAIL = 20
_TAKEN_NAME = "Another guardrail has this name. Provide a unique name and retry your request."

_CONFIGS = {
    # request member: (response member, {request list: response list})
    "topicPolicyConfig": ("topicPolicy", {"topicsConfig": "topics"}),
    "contentPolicyConfig": ("contentPolicy", {"filtersConfig": "filters"}),
    "wordPolicyConfig": (
        "wordPolicy",
        {"wordsConfig": "words", "managedWordListsConfig": "managedWordLists"},
    ),
    "sensitiveInformationPolicyConfig": (
        "sensitiveInformationPolicy",
        {"piiEntitiesConfig": "piiEntities", "regexesConfig": "regexes"},
    ),
    "contextualGroundingPolicyConfig": ("contextualGroundingPolicy", {"filtersConfig": "filters"}),
}
_PLAIN = ("name", "description", "blockedInputMessaging", "blockedOutputsMessaging", "kmsKeyId")


def now() -> str:
    """This moment as the services write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """Twelve lower-case characters, as Bedrock's ids have."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


class Guardrails:
    """The guardrails of every account and Region."""

    def __init__(self, store: JsonStore) -> None:
        self._store = store

    def _all(self, account: str, region: str) -> dict[str, Json]:
        return self._store.load("guardrails", account, region)

    def find(self, account: str, region: str, identifier: str) -> Json:
        """A guardrail's record by id or ARN."""
        name = identifier
        if identifier.startswith("arn:"):
            found = re.fullmatch(
                r"arn:aws[a-z-]*:bedrock:([\w-]+):(\d{12}):guardrail/(\w+)", identifier
            )
            if found is None or found[1] != region or found[2] != account:
                raise missing(f"Guardrail {identifier} was not found in this account and Region.")
            name = found[3]
        record: Json | None = self._all(account, region).get(name)
        if record is None:
            raise missing(f"Guardrail {identifier} was not found.")
        return record

    def version(self, account: str, region: str, identifier: str, version: str) -> Json:
        """One version's definition (`DRAFT` or a number); ValidationException if there is none."""
        try:
            record = self.find(account, region, identifier)
        except AwsError:
            record = {"versions": {}}
        definition: Json | None = record["versions"].get(version)
        if definition is None:
            raise invalid(
                "The guardrail identifier or version provided in the request does not exist."
            )
        return {**definition, "guardrailId": record["guardrailId"], "guardrailArn": record["arn"]}

    # Operations -----------------------------------------------------------------------------

    def create(self, request: Request, params: Json) -> Json:
        """CreateGuardrail."""
        account, region = request.caller.account, request.caller.region
        _check(params)
        with self._store.lock:
            guardrails = self._all(account, region)
            token = params.get("clientRequestToken")
            for record in guardrails.values():
                if token and record["token"] == token:
                    return _created(record)
                if record["versions"]["DRAFT"]["name"] == params["name"]:
                    raise AwsError("ConflictException", _TAKEN_NAME)
            if len(guardrails) >= GUARDRAILS_PER_REGION:
                raise AwsError(
                    "ServiceQuotaExceededException",
                    f"The account has reached its limit of {GUARDRAILS_PER_REGION} guardrails.",
                )
            identifier = new_id()
            record = {
                "guardrailId": identifier,
                "arn": f"arn:aws:bedrock:{region}:{account}:guardrail/{identifier}",
                "token": token,
                "lastVersion": 0,
                "createdAt": now(),
                "tags": {tag["key"]: tag["value"] for tag in params.get("tags", [])},
                "versions": {"DRAFT": _definition(params)},
            }
            guardrails[identifier] = record
            self._store.save("guardrails", account, region)
        return _created(record)

    def update(self, request: Request, params: Json) -> Json:
        """UpdateGuardrail: replaces DRAFT whole."""
        account, region = request.caller.account, request.caller.region
        _check(params)
        with self._store.lock:
            record = self.find(account, region, params["guardrailIdentifier"])
            for other in self._all(account, region).values():
                if other is not record and other["versions"]["DRAFT"]["name"] == params["name"]:
                    raise AwsError("ConflictException", _TAKEN_NAME)
            created = record["versions"]["DRAFT"]["createdAt"]
            record["versions"]["DRAFT"] = {**_definition(params), "createdAt": created}
            self._store.save("guardrails", account, region)
            updated = record["versions"]["DRAFT"]["updatedAt"]
        return {**_identity(record), "version": "DRAFT", "updatedAt": updated}

    def create_version(self, request: Request, params: Json) -> Json:
        """CreateGuardrailVersion: freezes DRAFT under the next number."""
        account, region = request.caller.account, request.caller.region
        with self._store.lock:
            record = self.find(account, region, params["guardrailIdentifier"])
            if len(record["versions"]) - 1 >= VERSIONS_PER_GUARDRAIL:
                raise AwsError(
                    "ServiceQuotaExceededException",
                    f"The guardrail has reached its limit of {VERSIONS_PER_GUARDRAIL} versions.",
                )
            record["lastVersion"] += 1
            version = str(record["lastVersion"])
            frozen = copy.deepcopy(record["versions"]["DRAFT"])
            frozen |= {"createdAt": now(), "updatedAt": now()}
            if "description" in params:
                frozen["description"] = params["description"]
            record["versions"][version] = frozen
            self._store.save("guardrails", account, region)
        return {"guardrailId": record["guardrailId"], "version": version}

    def get(self, request: Request, params: Json) -> Json:
        """GetGuardrail."""
        account, region = request.caller.account, request.caller.region
        record = self.find(account, region, params["guardrailIdentifier"])
        version = params.get("guardrailVersion", "DRAFT")
        if version not in record["versions"]:
            raise missing(f"Version {version} of the guardrail was not found.")
        definition = record["versions"][version]
        answer = {key: definition[key] for key in _PLAIN if definition.get(key)}
        answer |= {**_identity(record), "version": version, "status": "READY"}
        answer |= {key: definition[key] for key in ("createdAt", "updatedAt")}
        for config, (member, lists) in _CONFIGS.items():
            if policy := definition.get(config):
                answer[member] = {
                    there: policy[here] for here, there in lists.items() if here in policy
                }
                if "tierConfig" in policy:
                    answer[member]["tier"] = policy["tierConfig"]
        return answer

    def list(self, request: Request, params: Json) -> Json:
        """ListGuardrails: each one's DRAFT, or all versions of one."""
        account, region = request.caller.account, request.caller.region
        if identifier := params.get("guardrailIdentifier"):
            record = self.find(account, region, identifier)
            rows = [(record, version) for version in record["versions"]]
        else:
            rows = [(record, "DRAFT") for record in self._all(account, region).values()]
        return page(params, "guardrails", [_summary(record, version) for record, version in rows])

    def delete(self, request: Request, params: Json) -> Json:
        """DeleteGuardrail: one version, or all."""
        account, region = request.caller.account, request.caller.region
        with self._store.lock:
            record = self.find(account, region, params["guardrailIdentifier"])
            version = params.get("guardrailVersion")
            if version is None:
                del self._all(account, region)[record["guardrailId"]]
            elif version not in record["versions"] or version == "DRAFT":
                raise missing(f"Version {version} of the guardrail was not found.")
            else:
                del record["versions"][version]
            self._store.save("guardrails", account, region)
        return {}


def page(params: Json, member: str, rows: list[Json]) -> Json:
    """One page of a list: `maxResults` rows from where `nextToken` left off."""
    token = params.get("nextToken", "0")
    if not token.isdigit():
        raise invalid("The nextToken is not valid.")
    start, size = int(token), int(params.get("maxResults") or 100)
    answer: Json = {member: rows[start : start + size]}
    if start + size < len(rows):
        answer["nextToken"] = str(start + size)
    return answer


def _identity(record: Json) -> Json:
    return {"guardrailId": record["guardrailId"], "guardrailArn": record["arn"]}


def _created(record: Json) -> Json:
    return {**_identity(record), "version": "DRAFT", "createdAt": record["createdAt"]}


def _summary(record: Json, version: str) -> Json:
    definition = record["versions"][version]
    return {
        "id": record["guardrailId"],
        "arn": record["arn"],
        "status": "READY",
        "name": definition["name"],
        **({"description": definition["description"]} if definition.get("description") else {}),
        "version": version,
        "createdAt": definition["createdAt"],
        "updatedAt": definition["updatedAt"],
    }


def _definition(params: Json) -> Json:
    kept = {key: params[key] for key in (*_PLAIN, *_CONFIGS, "crossRegionConfig") if key in params}
    return {**kept, "createdAt": now(), "updatedAt": now()}


def _check(params: Json) -> None:
    """What the service refuses beyond its model's constraints."""
    if not any(config in params for config in _CONFIGS):
        raise invalid("A guardrail must have at least one policy.")
    sensitive = params.get("sensitiveInformationPolicyConfig") or {}
    for rule in sensitive.get("regexesConfig", []):
        if re.search(r"\(\?<?[=!]", rule["pattern"]):
            raise invalid(f"The regex {rule['name']} has a lookaround, which is not supported.")
        try:
            re.compile(rule["pattern"])
        except re.error as error:
            raise invalid(f"The regex {rule['name']} is not valid: {error}") from None
    for rule in (params.get("contentPolicyConfig") or {}).get("filtersConfig", []):
        if rule["type"] not in policies.lexicon():
            raise invalid(f"There is no content filter {rule['type']}.")
        if rule["type"] == "PROMPT_ATTACK" and rule["outputStrength"] != "NONE":
            raise invalid("The output strength of PROMPT_ATTACK must be NONE.")
    tiers = [
        (params.get(config) or {}).get("tierConfig", {}).get("tierName")
        for config in ("topicPolicyConfig", "contentPolicyConfig")
    ]
    if "STANDARD" in tiers and not params.get("crossRegionConfig"):
        raise invalid("The STANDARD tier needs a crossRegionConfig.")
