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
_PLAIN = ("name", "description", "blockedInputMessaging", "blockedOutputsMessaging")
_ASIDE = ("kmsKeyId", "crossRegionConfig")
_TAGS = 200
_WORDS_IN_A_PHRASE = 3
_CLASSIC_DEFINITION = 200  # characters of a topic's definition; the STANDARD tier takes 1,000


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
        if len(params.get("tags", [])) > _TAGS:
            raise AwsError("TooManyTagsException", f"A resource has at most {_TAGS} tags.")
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
            made = record.setdefault("versionTokens", {})
            if (token := params.get("clientRequestToken")) in made:
                return {"guardrailId": record["guardrailId"], "version": made[token]}
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
            if token:
                made[token] = version
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
        answer |= _across(definition, account, region)
        if key := definition.get("kmsKeyId"):
            named = key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
            answer["kmsKeyArn"] = named
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
        found = [
            _summary(record, version) | _across(record["versions"][version], account, region)
            for record, version in rows
        ]
        return page(params, "guardrails", found)

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


def _across(definition: Json, account: str, region: str) -> Json:
    """`crossRegionDetails` of a guardrail that may be served by other Regions."""
    found = (definition.get("crossRegionConfig") or {}).get("guardrailProfileIdentifier")
    if not found:
        return {}
    name = str(found).rsplit("/", 1)[-1]
    arn = f"arn:aws:bedrock:{region}:{account}:guardrail-profile/{name}"
    return {"crossRegionDetails": {"guardrailProfileId": name, "guardrailProfileArn": arn}}


def _definition(params: Json) -> Json:
    kept = {key: params[key] for key in (*_PLAIN, *_CONFIGS, *_ASIDE) if key in params}
    return {**kept, "createdAt": now(), "updatedAt": now()}


def _check(params: Json) -> None:
    """What the service refuses beyond its model's constraints."""
    if "automatedReasoningPolicyConfig" in params:
        raise invalid("The local AWS does not offer automated reasoning policies.")
    if not any(config in params for config in _CONFIGS):
        raise invalid("A guardrail must have at least one policy.")
    if not re.fullmatch(r"[0-9a-zA-Z-_]{1,50}", params["name"]):
        raise invalid("The name must satisfy regular expression pattern: [0-9a-zA-Z-_]+")
    _check_sensitive(params.get("sensitiveInformationPolicyConfig") or {})
    filters = (params.get("contentPolicyConfig") or {}).get("filtersConfig", [])
    _once("content filter", [rule["type"] for rule in filters])
    for rule in filters:
        if rule["type"] not in policies.lexicon():
            raise invalid(f"There is no content filter {rule['type']}.")
        if rule["type"] == "PROMPT_ATTACK" and rule["outputStrength"] != "NONE":
            raise invalid("The output strength of PROMPT_ATTACK must be NONE.")
    for rule in (params.get("wordPolicyConfig") or {}).get("wordsConfig", []):
        if len(rule["text"].split()) > _WORDS_IN_A_PHRASE:
            raise invalid(f"A word filter holds at most {_WORDS_IN_A_PHRASE} words.")
    _check_topics(params.get("topicPolicyConfig") or {})
    _once("grounding filter", [rule["type"] for rule in _filters(params)])
    tiers = [
        (params.get(config) or {}).get("tierConfig", {}).get("tierName")
        for config in ("topicPolicyConfig", "contentPolicyConfig")
    ]
    if "STANDARD" in tiers and not params.get("crossRegionConfig"):
        raise invalid("The STANDARD tier needs a crossRegionConfig.")


def _filters(params: Json) -> list[Json]:
    found: list[Json] = (params.get("contextualGroundingPolicyConfig") or {}).get(
        "filtersConfig", []
    )
    return found


def _once(kind: str, names: list[str]) -> None:
    if len(names) != len(set(names)):
        raise invalid(f"A {kind} is given more than once.")


def _check_sensitive(policy: Json) -> None:
    _once("PII entity", [rule["type"] for rule in policy.get("piiEntitiesConfig", [])])
    _once("regex name", [rule["name"] for rule in policy.get("regexesConfig", [])])
    for rule in policy.get("regexesConfig", []):
        if re.search(r"\(\?<?[=!]", rule["pattern"]):
            raise invalid(f"The regex {rule['name']} has a lookaround, which is not supported.")
        try:
            re.compile(rule["pattern"])
        except re.error as error:
            raise invalid(f"The regex {rule['name']} is not valid: {error}") from None


def _check_topics(policy: Json) -> None:
    topics = policy.get("topicsConfig", [])
    _once("topic name", [rule["name"] for rule in topics])
    standard = policy.get("tierConfig", {}).get("tierName") == "STANDARD"
    for rule in topics:
        if not standard and len(rule["definition"]) > _CLASSIC_DEFINITION:
            raise invalid(
                f"The definition of {rule['name']} has more than {_CLASSIC_DEFINITION} characters."
            )
