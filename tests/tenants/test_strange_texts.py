"""Every text that is typed or sent: kept exactly or refused with a word, and never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import pytest

from search.models import Collection
from tenants.accounts.groupmodels import MemberGroup
from tenants.context import entered
from tenants.naming import one_line
from tenants.webhooks.models import Endpoint
from tests.assistant.talking import conversation_for
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ALICE, MAX, Person
from tests.support.clients import api, browser_of, tenant_of, user_of

pytestmark = pytest.mark.django_db
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
TEXTS: Final = {
    "10,000 characters": "n" * 10_000,
    "right to left": "invoice\u202egnp.exe",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 at home",
    "seen by nobody": "ot\u200bter\ufeff",
    "NUL": "ot\x00ter",
    "half a pair": "ot\ud800ter",
    "a tower": "Z" + "\u0300\u0301\u0302" * 30 + "algo",
    "spaces": "   \u3000 ",
    "a script": "<script>alert(1)</script>",
    "a template": "{{7*7}} {% now 'Y' %} ${7*7}",
    "two lines": "one\ntwo\r\nthree",
}
Body = Callable[[str], dict[str, Any]]


class Sent(NamedTuple):
    name: str
    person: Person
    method: str
    path: str  # with {document}, {conversation}, ...
    body: Body
    told: str = ""  # the field of an answer that holds it again


REST: Final = (
    Sent("collection", MAX, "post", "collections/", lambda v: {"name": v}, "name"),
    Sent("collection renamed", MAX, "patch", "collections/{collection}/",
         lambda v: {"name": v}, "name"),
    Sent("document", MAX, "patch", "documents/{document}/", lambda v: {"name": v}, "name"),
    Sent("tag", MAX, "patch", "documents/{document}/", lambda v: {"tags": [v]}, "tags"),
    Sent("search", MAX, "post", "search/", lambda v: {"query": v}),
    Sent("search tag", MAX, "post", "search/", lambda v: {"query": "otters", "tags": [v]}),
    Sent("ask", MAX, "post", "ask/", lambda v: {"question": v}),
    Sent("conversation", MAX, "post", "conversations/", lambda v: {"title": v}, "title"),
    Sent("title", MAX, "patch", "conversations/{conversation}/", lambda v: {"title": v}, "title"),
    Sent("instructions", MAX, "post", "write/", lambda v: {"task": "draft", "instructions": v}),
    Sent("key", ALICE, "post", "keys/", lambda v: {"name": v}, "name"),
    Sent("program", ALICE, "post", "service-accounts/", lambda v: {"name": v, "role": "viewer"},
         "name"),
    Sent("group", ALICE, "post", "groups/", lambda v: {"name": v}, "name"),
    Sent("group renamed", ALICE, "patch", "groups/{group}/", lambda v: {"name": v}, "name"),
    Sent("invitation", ALICE, "post", "invitations/", lambda v: {"email": v, "role": "viewer"}),
    Sent("webhook", ALICE, "post", "webhooks/",
         lambda v: {"url": "https://93.184.215.14/in", "description": v}, "description"),
    Sent("webhook's address", ALICE, "post", "webhooks/", lambda v: {"url": v}),
    Sent("webhook's event", ALICE, "post", "webhooks/",
         lambda v: {"url": "https://93.184.215.14/in", "events": [v]}),
    Sent("word", ALICE, "patch", "safety/", lambda v: {"words": [v]}),
    Sent("topic", ALICE, "patch", "safety/",
         lambda v: {"topics": [{"name": v, "definition": "What it covers"}]}),
    Sent("assistant", ALICE, "patch", "assistant/settings/", lambda v: {"name": v}, "name"),
    Sent("assistant's orders", ALICE, "patch", "assistant/settings/",
         lambda v: {"instructions": v}, "instructions"),
    Sent("assistant's language", ALICE, "patch", "assistant/settings/", lambda v: {"language": v}),
    Sent("posture asked", ALICE, "post", "safety/posture/request/",
         lambda v: {"posture": "general", "reason": v}),
    Sent("bench", ALICE, "post", "safety/bench/", lambda v: {"text": v}),
    Sent("upload", MAX, "post", "documents/uploads/", lambda v: {"name": v, "size": 6_000_000},
         "name"),
    Sent("data policy", ALICE, "patch", "data/policy/", lambda v: {"hold": True, "reason": v}),
    Sent("alerts", ALICE, "put", "usage/alerts/",
         lambda v: {"thresholds": {v: [50]}, "to_admins": True, "members": []}),
)  # fmt: skip
PAGES: Final = (
    Sent("collection", MAX, "post", "/collections/", lambda v: {"name": v}),
    Sent("collection renamed", MAX, "post", "/collections/{collection}/", lambda v: {"name": v}),
    Sent("document", MAX, "post", "/documents/{document}/rename/", lambda v: {"name": v}),
    Sent("tags", MAX, "post", "/documents/{document}/tags/", lambda v: {"tags": v}),
    Sent("title", MAX, "post", "/assistant/{conversation}/rename/", lambda v: {"title": v}),
    Sent("key", ALICE, "post", "/settings/keys/", lambda v: {"name": v, "everything": "yes"}),
    Sent("group", ALICE, "post", "/settings/groups/", lambda v: {"name": v}),
    Sent("members", ALICE, "post", "/settings/members/", lambda v: {"lines": v, "role": "viewer"}),
    Sent("webhook", ALICE, "post", "/settings/webhooks/", lambda v: {"url": v, "description": v}),
    Sent("domain", ALICE, "post", "/settings/security/domains/", lambda v: {"domain": v}),
    Sent("provider", ALICE, "post", "/settings/security/sso/",
         lambda v: {"kind": "oidc", "name": v, "issuer": v, "client_id": v, "hours": v}),
    Sent("provider by file", ALICE, "post", "/settings/security/sso/",
         lambda v: {"kind": "saml", "name": "Okta", "role": "viewer", "metadata_xml": v}),
    Sent("words", ALICE, "post", "/settings/safety/",
         lambda v: {"version": "0", "part": "words", "words": v}),
    Sent("topics", ALICE, "post", "/settings/safety/",
         lambda v: {"version": "0", "part": "topics", "topic_name": v, "topic_definition": v}),
    Sent("thresholds", ALICE, "post", "/settings/safety/",
         lambda v: {"version": "0", "part": "thresholds", "t_hate": v, "least_grounding": v}),
    Sent("posture", ALICE, "post", "/settings/safety/posture/",
         lambda v: {"part": "ask", "posture": v, "reason": v}),
    Sent("bench", ALICE, "post", "/settings/safety/bench/", lambda v: {"text": v}),
    Sent("cap", ALICE, "post", "/usage/limits/", lambda v: {"part": "cap", "usd": v}),
    Sent("allowance", ALICE, "post", "/usage/limits/",
         lambda v: {"part": "allowance", "user_id": v, "model_tokens": v}),
    Sent("alerts", ALICE, "post", "/usage/alerts/", lambda v: {"quota": v, "members": v}),
    Sent("account", ALICE, "post", "/usage/invoices/details/",
         lambda v: {"name": v, "address": v, "tax_number": v, "email": v, "locale": v}),
    Sent("hold", ALICE, "post", "/settings/data/",
         lambda v: {"version": v, "part": "hold", "hold": "1", "reason": v}),
    Sent("leaving", ALICE, "post", "/settings/data/leave/", lambda v: {"slug": v}),
    Sent("assistant", ALICE, "post", "/settings/assistant/",
         lambda v: {"version": "0", "name": v, "instructions": v, "language": v}),
    Sent("password", ALICE, "post", "/settings/security/confirm/", lambda v: {"password": v}),
    Sent("search", MAX, "get", "/search/", lambda v: {"q": v}),
    Sent("documents found", MAX, "get", "/documents/", lambda v: {"q": v, "tag": v, "at": v}),
    Sent("audit", ALICE, "get", "/settings/audit/", lambda v: {"action": v, "actor": v, "q": v}),
)  # fmt: skip


@pytest.fixture
def ids() -> dict[str, str]:
    """Return what paths name: one thing of each kind."""
    found = {
        "document": ready("Handbook.md", HANDBOOK).id,
        "conversation": conversation_for(MAX, title="Otters"),
    }
    with entered(tenant_of(ALICE)):
        found["collection"] = Collection.objects.create(name="Kilns", owner_id=user_of(MAX).id).id
        found["group"] = MemberGroup.objects.create(name="Potters").id
        found["webhook"] = Endpoint.objects.create(url="https://93.184.215.14/", secret="").id
    return {name: str(value) for name, value in found.items()}


def test_by_rest_a_strange_text_is_kept_exactly_or_refused_with_a_word(
    ids: dict[str, str],
) -> None:
    wrong: list[Any] = []
    for (text, value), sent in product(TEXTS.items(), REST):
        call = getattr(api(sent.person), sent.method)
        body = json.dumps(sent.body(value))
        answer = call(f"/api/v1/{sent.path.format(**ids)}", body, content_type=JSON)
        if answer.status_code >= 500 or answer.status_code == 404:
            wrong.append((text, sent.name, answer.status_code, answer.content[:200]))
        elif answer.status_code >= 400:
            told = answer.json()
            if not (told["code"] and told["detail"]):
                wrong.append((text, sent.name, answer.status_code, told))
        elif sent.told:
            kept = answer.json()[sent.told]
            kept = kept[0] if isinstance(kept, list) else kept
            if sent.name == "document":  # of a path its last part, with the ending of before
                kept, value = kept.removesuffix(".md"), value.rpartition("/")[2]
            lines = value.replace("\r\n", "\n")
            if kept not in (value, lines, value.strip(), one_line(value)):
                wrong.append((text, sent.name, ascii(kept)))
    assert not wrong


def test_on_pages_a_strange_text_is_kept_exactly_or_refused_with_a_word(
    ids: dict[str, str],
) -> None:
    wrong: list[Any] = []
    clients = {person: browser_of(person) for person in (ALICE, MAX)}
    for (text, value), sent in product(TEXTS.items(), PAGES):
        typed = urlencode(sent.body(value), errors="surrogatepass")
        path = sent.path.format(**ids)
        if sent.method == "get":
            answer = clients[sent.person].get(f"{path}?{typed}")
        else:
            answer = clients[sent.person].post(path, typed, content_type=FORM)
        page = answer.content.decode(errors="replace")
        if answer.status_code >= 500 or answer.status_code == 404:
            wrong.append((text, sent.name, answer.status_code, page[:300]))
        if answer.status_code == 422 and "alert" not in page:
            wrong.append((text, sent.name, "refused without a word"))
        if "<script>alert" in page:
            wrong.append((text, sent.name, "runs"))
    assert not wrong
