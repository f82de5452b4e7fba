"""Collections: who may read what inside one workspace, on every surface and retrieval target."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from bedrock.gateway import knowledge_retrieve
from search.models import Chunk, Collection, CollectionMember, Filing
from tenants.accounts.keys import digest_of
from tenants.accounts.models import ApiKey, Role, User
from tenants.accounts.services import user_create
from tenants.context import SYSTEM, entered
from tests.assistant.talking import conversation_for
from tests.documents.helpers import HANDBOOK, ingested, ready, upload
from tests.search.shelf import find, names
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, INES, MAX, PASSWORD, UMA, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of
from tests.support.localaws import LocalAws
from tests.support.statements import statements_of

pytestmark = pytest.mark.django_db

WORD = "quillonfeather"
SECRET = f"# Pay\n\nThe {WORD} bonus is 9,417 euros a year. It is paid to directors in March.\n"
QUESTION = f"How much is the {WORD} bonus a year?"
JSON = "application/json"
SEARCHED = f"/search/?q={WORD}&collection={{c}}"


def collection(person: Person, *, open: bool = False, name: str = "") -> str:
    body = {"name": name or f"Board {secrets.token_hex(4)}", "open": open}
    made = api(person).post("/api/v1/collections/", body, JSON)
    assert made.status_code == 201, made.content
    return str(made.json()["id"])


def kept(person: Person, text: str = SECRET, *, name: str = "pay.md", inside: str) -> str:
    made = upload(name, text, person, collection=inside)
    assert made.status_code == 201, made.content
    assert ingested(made.json()["id"], person).status == "ready"
    return str(made.json()["id"])


def share(owner: Person, collection_id: str, person: Person, right: str = "read") -> Any:
    with entered(tenant_of(person)):
        path = f"/api/v1/collections/{collection_id}/members/{user_of(person).id}/"
    return api(owner).put(path, {"right": right}, JSON)


def unshare(owner: Person, collection_id: str, person: Person) -> None:
    with entered(tenant_of(person)):
        path = f"/api/v1/collections/{collection_id}/members/{user_of(person).id}/"
    assert api(owner).delete(path).status_code == 204


def colleague(person: Person, name: str, role: Role = Role.MEMBER) -> Person:
    """Make another user of the person's workspace."""
    made = Person(person.workspace, name, role.value)
    with entered(tenant_of(person)):
        user = user_create(email=made.email, password=PASSWORD, name=name, role=role)
        ApiKey.objects.create(
            user=user, name="tests", prefix=made.key[:12], digest=digest_of(made.key)
        )
    return made


class Seeker:
    """Somebody who looks for a document, by key and by one session."""

    def __init__(self, person: Person) -> None:
        self.person, self.key, self.session = person, api(person), browser_of(person)


Way = Callable[[Seeker, str, str], Any]


def by_rest(path: str, **body: Any) -> Way:
    def asked(who: Seeker, document: str, held: str) -> Any:
        filled = {
            key: [value[0].format(d=document, c=held)] if isinstance(value, list) else value
            for key, value in body.items()
        }
        return who.key.post(f"/api/v1/{path}", filled, JSON)

    return asked


def by_page(path: str) -> Way:
    return lambda who, document, held: who.session.get(path.format(d=document, c=held))


def by_get(path: str) -> Way:
    return lambda who, document, held: who.key.get(path.format(d=document, c=held))


def in_conversation(who: Seeker, document: str, held: str) -> Any:
    path = f"/api/v1/conversations/{conversation_for(who.person)}/messages/"
    return who.key.post(path, {"text": QUESTION}, JSON)


def in_form(who: Seeker, document: str, held: str) -> Any:
    return who.session.post("/ask/", {"question": QUESTION})


# What is asked, and what stands in the answer of whoever may read the document. Those that name it,
# or its collection, are not found by whoever may not; the others answer without it.
NAMED = {
    "search in the document": (by_rest("search/", query=WORD, document_ids=["{d}"]), WORD),
    "search in the collection": (by_rest("search/", query=WORD, collection_ids=["{c}"]), WORD),
    "ask the document": (by_rest("ask/", question=QUESTION, document_ids=["{d}"]), "9,417"),
    "ask the collection": (by_rest("ask/", question=QUESTION, collection_ids=["{c}"]), "9,417"),
    "summarize it": (by_rest("write/", task="summarize", document_ids=["{d}"]), "9,417"),
    "read it": (by_get("/api/v1/documents/{d}/"), "pay.md"),
    "its text": (by_get("/api/v1/documents/{d}/text/"), WORD),
    "the viewer": (by_page("/documents/{d}/"), WORD),
    "a page of it": (by_page("/documents/{d}/segments/0/"), WORD),
    "its state": (by_page("/documents/{d}/state/"), "Ready"),
    "the original": (by_page("/documents/{d}/original/"), WORD),
    "search page in the collection": (by_page(SEARCHED), f"<mark>{WORD}"),
    "list of the collection": (by_page("/documents/?collection={c}"), "pay.md"),
    "list of it by REST": (by_get("/api/v1/documents/?collection={c}"), "pay.md"),
}
SEEN = {
    "search": (by_rest("search/", query=WORD), WORD),
    "ask": (by_rest("ask/", question=QUESTION), "9,417"),
    "ask page": (in_form, "9,417"),
    "the assistant": (in_conversation, "9,417"),
    "search page": (by_page(f"/search/?q={WORD}"), f"<mark>{WORD}"),
    "search as one types": (by_page(f"/search/typed/?q={WORD[:4]}"), f"<mark>{WORD}"),
    "documents": (by_get("/api/v1/documents/"), "pay.md"),
    "documents page": (by_page("/documents/"), "pay.md"),
    "rows": (by_page("/documents/rows/?id={d}"), "pay.md"),
    "scope picker": (by_page("/ask/"), "pay.md"),
}


def read(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(body.decode())


@pytest.mark.django_db(transaction=True)  # turns of the assistant run in threads of their own
def test_who_is_no_member_finds_no_trace_and_a_member_everything() -> None:
    outsider, seeker = ALICE, Seeker(ALICE)  # the workspace's owner, who may most
    ready("travel.md", HANDBOOK, ALICE)  # what everybody may read
    held = collection(MAX)
    document = kept(MAX, inside=held)
    for named, (asked, sign) in NAMED.items():
        refused = asked(seeker, document, held)
        unknown = asked(seeker, str(uuid4()), str(uuid4()))
        assert refused.status_code == unknown.status_code == 404, named
        assert sign not in read(refused), named
    for surface, (asked, sign) in SEEN.items():
        answer = asked(seeker, document, held)
        shown = read(answer)
        assert answer.status_code < 300, (surface, shown)
        assert sign not in shown and "pay.md" not in shown, surface
    assert share(MAX, held, outsider).status_code == 200
    for surface, (asked, sign) in {**NAMED, **SEEN}.items():
        answer = asked(seeker, document, held)
        shown = read(answer)
        assert answer.status_code < 300 and sign in shown, (surface, answer.status_code, shown)
    unshare(MAX, held, outsider)
    assert find(api(outsider), WORD, limit=1)[:1] == [] or WORD not in str(
        find(api(outsider), WORD)
    )
    assert NAMED["the viewer"][0](seeker, document, held).status_code == 404


@pytest.mark.parametrize("owner", [MAX, INES, UMA], ids=["schema", "kb_shared", "kb_dedicated"])
def test_a_change_of_membership_holds_at_the_next_retrieval(
    owner: Person, localaws: LocalAws
) -> None:
    reader = BOB if owner is MAX else colleague(owner, "Rita", Role.VIEWER)
    ready("travel.md", HANDBOOK, owner)
    held, beside = collection(owner), collection(owner)
    document = kept(owner, inside=held)
    for turn in range(3):
        assert names(find(api(reader), WORD))[:1] != ["pay.md"]
        share(owner, held, reader)
        assert names(find(api(reader), WORD))[:1] == ["pay.md"], turn
        unshare(owner, held, reader)
    assert all(WORD not in str(one) for one in find(api(reader), SECRET))
    with entered(tenant_of(owner)):  # moved to another collection, or to everybody
        Filing.objects.filter(document_id=document).update(collection_id=beside)
        share(owner, held, reader)
        assert all(WORD not in str(one) for one in find(api(reader), WORD))
        Filing.objects.filter(document_id=document).delete()
    assert names(find(api(reader), WORD))[:1] == ["pay.md"]
    if owner is not MAX:
        hidden, = (
            filters for call in localaws.requests("Retrieve")[:1] for filters in _filters(call)
            if "in" in filters
        )  # fmt: skip
        assert document not in hidden["in"]["value"]


def _filters(call: Any) -> Iterator[dict[str, Any]]:
    ((_, given),) = call["body"]["retrievalConfiguration"].items()
    yield from given["filter"].get("andAll", [])


def test_what_a_knowledge_base_gives_too_much_falls_out_against_live_rows() -> None:
    reader = colleague(INES, "Rita")
    held = collection(INES)
    document = kept(INES, inside=held)
    with entered(tenant_of(INES)):
        own = set(Chunk.objects.filter(source_id=document).values_list("chunk_id", flat=True))
        given = knowledge_retrieve(WORD, actor=SYSTEM, feature="search", request_id=uuid4())
        assert own & {one.chunk_id for one in given}  # without a filter it is there
    assert find(api(reader), WORD) == []
    assert names(find(api(INES), WORD)) == ["pay.md"]


def test_statements_do_not_grow_with_collections_members_and_filings() -> None:
    document = ready("travel.md", HANDBOOK, ALICE)
    surfaces: dict[str, Callable[[], Any]] = {
        "search": lambda: find(clients["api"], "hotel"),
        "list": lambda: clients["api"].get("/api/v1/documents/"),
        "page": lambda: clients["browser"].get("/documents/"),
        "collections": lambda: clients["browser"].get("/collections/"),
    }

    clients = {"api": api(BOB), "browser": browser_of(BOB)}

    def cost() -> dict[str, int]:
        return {name: statements_of(surface) for name, surface in surfaces.items()}

    with entered(tenant_of(ALICE)):
        Collection.objects.create(name="first", owner_id=user_of(ALICE).id)
    before = cost()
    with entered(tenant_of(ALICE)):
        for number in range(20):
            made = Collection.objects.create(name=f"n{number}", open=number % 2 == 0)
            Filing.objects.create(document_id=document.id, collection=made)
            CollectionMember.objects.create(collection=made, user=user_of(BOB))
    for number in range(3):
        ready(f"more {number}.md", HANDBOOK, ALICE)
    assert cost() == before


def test_a_name_tells_nothing_of_a_collection_one_may_not_see() -> None:
    collection(MAX, name="Layoffs")
    assert collection(ADA, name="layoffs")
    twice = api(MAX).post("/api/v1/collections/", {"name": "LAYOFFS"}, JSON)
    assert (twice.status_code, code_of(twice)) == (409, "collection_exists")
    assert "Layoffs" not in read(api(BOB).get("/api/v1/collections/"))
    assert "Layoffs" not in read(browser_of(BOB).get("/collections/"))


def test_deleting_a_collection_shows_its_documents_to_nobody_more() -> None:
    held = collection(MAX)
    kept(MAX, inside=held)
    refused = api(MAX).delete(f"/api/v1/collections/{held}/")
    assert (refused.status_code, code_of(refused)) == (409, "collection_not_empty")
    page = browser_of(MAX).post(f"/collections/{held}/delete/")
    assert page.status_code == 409 and "Move them to another collection" in read(page)
    assert find(api(BOB), WORD) == []
    opened = api(MAX).patch(f"/api/v1/collections/{held}/", {"open": True}, JSON)
    assert opened.json()["open"] is True
    assert names(find(api(BOB), WORD)) == ["pay.md"]
    assert api(MAX).delete(f"/api/v1/collections/{held}/").status_code == 204
    assert names(find(api(BOB), WORD)) == ["pay.md"]


def test_a_right_to_read_changes_nothing_and_a_right_to_add_does() -> None:
    held = collection(MAX)
    document = kept(MAX, inside=held)
    share(MAX, held, ADA)
    tries = {
        "upload": lambda: upload("more.md", HANDBOOK, ADA, collection=held),
        "delete": lambda: api(ADA).delete(f"/api/v1/documents/{document}/"),
    }
    for name, attempt in tries.items():
        refused = attempt()
        assert (refused.status_code, code_of(refused)) == (403, "forbidden"), name
    share(MAX, held, ADA, "add")
    assert [attempt().status_code for attempt in tries.values()] == [201, 204]
    share(MAX, held, BOB, "add")  # a viewer reads, whatever the collection says
    assert upload("more.md", HANDBOOK, BOB, collection=held).status_code == 403


def test_an_admin_manages_what_they_do_not_read_and_a_member_only_their_own() -> None:
    held = collection(MAX)
    assert api(ADA).get(f"/api/v1/collections/{held}/").json()["readable"] is False
    assert "You manage this collection without reading it" in read(
        browser_of(ADA).get(f"/collections/{held}/")
    )
    assert upload("x.md", HANDBOOK, ADA, collection=held).status_code == 403
    assert share(ADA, held, BOB).status_code == 200
    for path in (f"/collections/{held}/", f"/api/v1/collections/{held}/members/"):
        assert (browser_of(BOB) if "api" not in path else api(BOB)).get(path).status_code == 200
    theirs = collection(ADA)
    assert share(MAX, theirs, MAX).status_code == 404
    assert share(MAX, collection(ADA, open=True), MAX).status_code == 403
    assert share(CHARLIE, held, CHARLIE).status_code == 404
    with entered(tenant_of(ADA)):
        user = str(user_of(BOB).id)
    form = {"user": user, "right": "add"}
    assert browser_of(ADA).post(f"/collections/{held}/members/", form).status_code == 302
    page = read(browser_of(MAX).get(f"/collections/{held}/"))
    assert "Bob" in page
    assert browser_of(MAX).post(f"/collections/{held}/members/{user}/remove/").status_code == 302
    assert "Bob" not in read(browser_of(MAX).get(f"/collections/{held}/")).split("Share with")[0]
    for body in ({"name": ""}, {"name": "x" * 121}, {"open": "maybe"}):
        assert api(MAX).patch(f"/api/v1/collections/{held}/", body, JSON).status_code == 400, body


def test_of_a_documents_collections_only_those_one_may_read_are_told() -> None:
    both, alone = collection(ALICE), collection(ALICE)
    document = kept(ALICE, inside=both)
    path = f"/api/v1/documents/{document}/"
    assert api(ALICE).patch(path, {"collections": [both, alone]}, JSON).status_code == 200
    share(ALICE, both, MAX)
    for person, told in ((ALICE, {both, alone}), (MAX, {both})):
        [listed] = api(person).get("/api/v1/documents/").json()["results"]
        assert set(listed["collections"]) == told
        assert set(api(person).get(path).json()["collections"]) == told
        pages = [
            browser_of(person).get(each) for each in ("/documents/", f"/documents/{document}/")
        ]
        assert any(alone in page.content.decode() for page in pages) is (person is ALICE)


def test_a_viewer_manages_nothing_that_they_made_as_a_member() -> None:
    made = collection(MAX)

    def told() -> tuple[bool, bool]:
        listed = api(MAX).get("/api/v1/collections/").json()["results"]
        [own] = [each for each in listed if each["id"] == made]
        return own["manageable"], own["writable"]

    def offered() -> bool:
        return f"/collections/{made}/delete/" in browser_of(MAX).get(page).content.decode()

    page, path = f"/collections/{made}/", f"/api/v1/collections/{made}/"
    assert (told(), offered()) == ((True, True), True)
    with entered(tenant_of(MAX)):
        User.objects.filter(email=MAX.email).update(role=Role.VIEWER)
    assert (told(), offered()) == ((False, False), False)
    assert api(MAX).patch(path, {"name": "Mine"}, JSON).status_code == 403


def test_a_right_that_ends_between_ranking_and_reading_holds() -> None:
    held = collection(MAX)
    kept(MAX, inside=held)
    share(MAX, held, BOB)

    def interfered(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if "search_posting" in sql:  # the ranking has seen it; the passages are read next
            ended.append(CollectionMember.objects.all().delete()[0])
        return result

    ended: list[int] = []
    with connection.execute_wrapper(interfered):
        assert find(api(BOB), WORD) == []
    assert ended == [1]
