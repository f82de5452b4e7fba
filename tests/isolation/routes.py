"""The attempts on a tenant's routes. Each yields a sentence for what should not have been."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from tenants.accounts.handover import confirm_make, handover_make
from tenants.accounts.invitations import token_of
from tenants.accounts.models import Invitation
from tenants.context import entered
from tenants.registry.models import Impersonation
from tenants.signin.impersonating import visit_token
from tests.isolation.attempts import (
    Answer,
    Headers,
    by_key,
    by_session,
    filled,
    names_read,
    sent,
    some,
    tried,
    watchers,
)
from tests.isolation.entries import Entry
from tests.isolation.table import BODIES, BODY_IDS, FROM_PROVIDERS, PRIVATE, ROUTES
from tests.isolation.world import HERE, OTHER, World
from tests.support.cast import ALICE, BOB, MAX, Person
from tests.support.clients import tenant_of, user_of

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
RANKS: Final = {"anyone": -1, "viewer": 0, "member": 1, "admin": 2, "owner": 3}
# What names no object of anybody's: a place, or the count of a workspace's own versions.
NO_OBJECT: Final = {"index", "version", "_rest", "uidb64", "token", "plan", "slug"}
HERE_HOST, OTHER_HOST = ALICE.host, OTHER.host

# Names nobody reads today; whoever reads one tomorrow is tried with another tenant's ids.
NAMES: Final = {
    "tenant": "tenant_id", "tenant_id": "tenant_id", "workspace": "host", "schema": "host",
    "user": "user_id", "user_id": "user_id", "owner": "user_id", "owner_id": "user_id",
    "created_by": "user_id", "id": "document_id", "document_id": "document_id",
    "document": "document_id", "document__id": "document_id", "conversation": "conversation_id",
    "collection": "collection_id", "collection_id": "collection_id", "chunk": "chunk_id",
    "message": "message_id", "request_id": "request_id", "key": "key_id",
    "after": "invoice_id", "request": "request_id",
    "ordering": "user_id", "order_by": "tenant_id", "filter": "document_id",
    "fields": "collection_id", "include": "document_id", "expand": "conversation_id",
}  # fmt: skip
# Names whose values are shown again, as one's own words: they name nothing.
# What no object is looked up by; `once` is a sender's own key, which does another thing the second
# time, whatever it is (tests/tenants/test_forms_once.py).
TEXTS: Final = {"csrfmiddlewaretoken", "next", "once", "q", "question", "text", "title", "name"}
TENANT_HEADERS: Final = ("X-Tenant", "X-Tenant-Id", "X-Workspace", "X-Schema", "X-User-Id",
                         "X-Organization-Id")  # fmt: skip
HOST_HEADERS: Final = ("X-Forwarded-Host", "X-Host", "X-Original-Host", "X-Forwarded-Server",
                       "X-HTTP-Host-Override")  # fmt: skip
NOWHERE: Final = (
    f"www.{HERE_HOST}", f"{HERE_HOST}.", f"{OTHER_HOST}.", "nobody.localhost", "evil.example",
    f"{HERE_HOST}.evil.example", f"{HERE_HOST}@{OTHER_HOST}", f"{HERE_HOST},{OTHER_HOST}",
    "127.0.0.1", "[::1]", f"x.{HERE_HOST}", "acme", f"{HERE_HOST}:80:80",
)  # fmt: skip
SAME: Final = (f"{HERE_HOST}:9999", HERE_HOST.upper())
ORIGINS: Final = {
    "a sibling": f"http://{OTHER_HOST}",
    "the public host": f"http://{settings.BASE_HOST}",
    "null": "null",
    "evil": "https://evil.example",
    "another scheme": f"https://{HERE_HOST}",
}
TOKEN: Final = "a" * 32
SIGN_IN: Final = {"welcome/<token>/", "staff-visit/<str:token>/"}  # links that sign in, once


@contextmanager
def watching(canary: str) -> Iterator[list[str]]:
    """Collect a sentence for every answer that holds the canary."""
    leaks: list[str] = []

    def look(what: str, text: str) -> None:
        if canary in text.lower():
            leaks.append(f"LEAK in the answer to {what}")

    watchers.append(look)
    try:
        yield leaks
    finally:
        watchers.remove(look)


def nowhere(world: World, entry: Entry) -> Iterator[str]:
    """Try an address that is nobody's."""
    for who in ({}, by_key(ALICE.key), by_key(OTHER.key)):
        answer = tried(entry, world.unknown(), HERE_HOST, who)
        if answer.status != 404:
            yield f"an address that is nobody's is answered {answer.status}"


def by(world: World, entry: Entry, person: Person) -> Headers:
    """Return how the person would come in: programs by key, people by session.

    Where anyone may, as no one: a signed-in user's POST to sign-out would end the session.
    """
    if entry.needs == "anyone":
        return {}
    return by_key(person.key) if entry.api else by_session(world.sessions[person.email])


def reaching(entry: Entry) -> list[Person]:
    return [person for person in HERE if RANKS[person.role] >= RANKS[entry.needs]]


def not_let_in(entry: Entry, answer: Answer) -> bool:
    """Return whether the answer is the one for those who have not signed in."""
    if entry.api:
        return answer.status == 401
    return answer.status == 302 and answer.location.startswith("/sign-in/")


def identities(world: World, entry: Entry) -> Iterator[str]:
    """Try as no one, as outsiders of every sort, as each role, and here's people over there."""
    ids = world.unknown()
    for host, outsider, insider in (
        (HERE_HOST, OTHER, ALICE), (OTHER_HOST, ALICE, OTHER)
    ):  # fmt: skip
        nobody = tried(entry, ids, host, {})
        if entry.needs in RANKS and entry.needs != "anyone" and not not_let_in(entry, nobody):
            yield f"no one is answered {nobody.status}"
        sessions = [world.sessions[outsider.email], world.staff_session, "a" * 32]
        for value in some(sessions, entry, few=2) if insider is ALICE else sessions[:1]:
            if tried(entry, ids, host, by_session(value)).looks != nobody.looks:
                yield f"a session of elsewhere is seen on {host}"
        made_up = tried(entry, ids, host, by_key("tnt_made-up"))
        theirs = tried(entry, ids, host, by_key(outsider.key))
        if theirs.looks != made_up.looks or theirs.statements != made_up.statements:
            yield f"another tenant's key is told from a made-up one on {host}"
        if entry.api and entry.needs in RANKS and theirs.status != 401:
            yield f"another tenant's key is answered {theirs.status} on {host}"
        if not entry.api and theirs.looks != nobody.looks:
            yield f"a key opens a page on {host}"


def roles(world: World, entry: Entry) -> Iterator[str]:
    """Try as every role: those below are refused, those who may get further."""
    ids = world.unknown()
    for person in HERE:
        ways = [by_session(world.sessions[person.email])]
        ways += [by_key(person.key)] if entry.api else []
        for who in ways:
            answer = tried(entry, ids, HERE_HOST, who)
            if person not in reaching(entry):
                if answer.status != 403:
                    yield f"a {person.role} is answered {answer.status}, not 403"
            elif answer.status in (401, 403, 405) or answer.status >= 500:
                yield f"a {person.role} may, and is answered {answer.status}"
            elif answer.location.startswith("/sign-in/"):
                yield f"a {person.role} may, and is sent to sign in"


def methods(world: World, route: str) -> Iterator[str]:
    """Try the methods that have no row: nobody gets anything from them."""
    allowed = ROUTES[route]
    reading = Entry("route", route, "GET", "owner")
    who = by(world, reading, ALICE)
    for method in METHODS:
        if method in allowed or not allowed:
            continue
        entry = Entry("route", route, method, "owner")
        answer = tried(entry, world.unknown(), HERE_HOST, who)
        if answer.status == 405:
            continue
        # A page that knows no methods may answer as to GET: it writes nothing.
        read = tried(reading, world.unknown(), HERE_HOST, who)
        if entry.api or answer.status != read.status:
            yield (
                f"{method} has no row and is answered {answer.status}: let the view refuse it,"
                " or add the method to ROUTES in tests/isolation/table.py"
            )


def ids_in_paths(world: World, entry: Entry) -> Iterator[str]:
    """Try another tenant's and a colleague's ids: each must look as one that nobody has."""
    unknown = world.unknown()
    body = BODIES.get((entry.name, entry.method))
    for name in entry.parameters:
        if name in NO_OBJECT:
            continue
        tries = [(person, "another tenant's", world.theirs) for person in
                 dict.fromkeys([reaching(entry)[0], ALICE])]  # fmt: skip
        if name in PRIVATE and BOB in reaching(entry):
            tries.append((BOB, "a colleague's", world.colleagues))
        if name in world.hidden:
            tries += [(person, "a hidden", world.hidden) for person in unaware(entry)]
        if name == "document_id":  # a file of a conversation is one, and nobody else's
            attached = {name: world.colleagues["attachment_id"]}
            tries += [(person, "a colleague's attached", attached) for person in unaware(entry)]
        usual: dict[Person, Answer] = {}  # for what nobody has, once for all that is compared
        for person, whose, ids in tries:
            who = by(world, entry, person)

            def asked(value: str, name: str = name, who: Headers = who) -> Answer:
                return tried(entry, world.own | {name: value}, HERE_HOST, who, body=body)

            nobodys = partial(asked, unknown[name])
            if person not in usual:
                usual[person] = nobodys()
                if (status := usual[person].status) != 404:
                    yield f"an unknown {name} is answered {status}, not 404"
            yield from told_apart(
                f"{whose} {name}", partial(asked, ids[name]), nobodys, usual[person]
            )


def told_apart(
    what: str,
    found: Callable[[], Answer],
    nobodys: Callable[[], Answer],
    usual: Answer | None = None,
) -> Iterator[str]:
    """Compare with the answer for what does not exist: what is seen, and the way taken.

    `usual` is that answer, where it has been asked for already. The statements are compared when
    both have been asked: the first may fill a cache. What is kept for seconds may lapse between two
    requests of a slow machine, so a difference is looked at again: one that is real stays.
    """
    one, other = found(), usual or nobodys()
    if one.looks != other.looks:
        yield f"{what} is told from an unknown one: {one.status} and {other.status}"
    elif one.statements != other.statements and all(
        found().statements != nobodys().statements for _ in range(3)
    ):
        yield f"{what} takes another path of code than an unknown one"


def reset_links(world: World, entry: Entry) -> Iterator[str]:
    """Try another tenant's signed link here: as a made-up one."""
    if "token" not in entry.parameters:
        return
    theirs = world.theirs | {"token": _token(world, entry)}
    made_up = world.theirs | {"token": "c1-" + "0" * 32}
    yield from told_apart(
        "another tenant's link",
        partial(tried, entry, theirs, HERE_HOST, {}),
        partial(tried, entry, made_up, HERE_HOST, {}),
    )
    if entry.method == "GET":
        if entry.name in SIGN_IN:  # other tests prove that they work
            return
        home = tried(entry, theirs, OTHER_HOST, {})
        if home.status != (302 if entry.name.startswith("password-reset/") else 200):
            yield "the link does not even work at home, so this proves nothing"


def _token(world: World, entry: Entry) -> str:
    """Return the other tenant's token of the link's kind."""
    tenant = tenant_of(OTHER)
    if entry.name == "welcome/<token>/":
        return handover_make(tenant.id, user_of(OTHER).id)
    if entry.name == "staff-visit/<str:token>/":
        with entered(tenant):
            return visit_token(Impersonation.objects.get(id=world.theirs["visit_id"]))
    if entry.name == "invitation/<str:token>/":
        with entered(tenant):
            return token_of(Invitation.objects.get(id=world.theirs["invitation_id"]))
    if entry.name == "confirm/<token>/":
        return confirm_make(user_of(OTHER), tenant)
    return world.theirs["token"]


def passwords(world: World, entry: Entry) -> Iterator[str]:
    """Try another tenant's address with its right password: as with a wrong one."""
    if (entry.name, entry.method) != ("sign-in/", "POST"):
        return
    from tests.support.cast import PASSWORD

    answers = [
        tried(entry, {}, HERE_HOST, {}, body={"email": OTHER.email, "password": password})
        for password in (PASSWORD, "a wrong one altogether")
    ]
    if answers[0].looks != answers[1].looks or answers[0].status != 422:
        yield f"another tenant's user is answered {answers[0].status}"


def ids_in_queries(world: World, entry: Entry) -> Iterator[str]:
    """Try ids in every name that the view looks up, and in those of filters and orderings."""
    if entry.needs not in RANKS or (entry.method == "POST" and (entry.api or entry.parameters)):
        return
    if entry.method not in ("GET", "POST") or entry.needs == "anyone":
        return
    if entry.method == "POST" and (entry.name, entry.method) not in BODIES:
        return  # a form that only makes something, of its own texts
    unknown = world.unknown()
    who = by(world, entry, ALICE)
    base = BODIES.get((entry.name, entry.method), {})

    def asked(values: Mapping[str, str]) -> Answer:
        if entry.method == "GET":
            return tried(entry, world.own, HERE_HOST, who, query=values)
        return tried(entry, world.own, HERE_HOST, who, body=dict(base) | values)

    with names_read() as names:
        asked({})
    kinds = ("document_id", "conversation_id", "chunk_id", "collection_id")
    for name in sorted(names - set(base) - TEXTS):
        for kind in [NAMES[name]] if name in NAMES else some(kinds, entry, few=1):
            yield from told_apart(
                f"another tenant's {kind} as {name}",
                partial(asked, {name: world.theirs[kind]}),
                partial(asked, {name: unknown[kind]}),
            )
    if entry.method == "GET":
        yield from told_apart(
            "another tenant's ids in filters",
            partial(asked, {name: world.theirs[kind] for name, kind in NAMES.items()}),
            partial(asked, {name: unknown.get(kind, kind) for name, kind in NAMES.items()}),
        )


def unaware(entry: Entry) -> list[Person]:
    """Return who gets so far and knows nothing of a colleague's closed collection."""
    return [person for person in reaching(entry) if person in (BOB, MAX)]


def hosts(world: World, entry: Entry) -> Iterator[str]:
    """Try forged hosts: nowhere, or the same workspace; never another's."""
    ids = world.unknown()
    who = by(world, entry, ALICE)
    usual = tried(entry, ids, HERE_HOST, who)
    for host in some(NOWHERE, entry, few=1):
        answer = tried(entry, ids, host, who)
        if answer.status != 404:
            yield f"the host {host} is answered {answer.status}"
    for host in some(SAME, entry, few=1):
        answer = tried(entry, ids, host, who)
        if (answer.status, answer.location) != (usual.status, usual.location):
            yield f"the host {host} is not the workspace itself"
    more = dict.fromkeys(HOST_HEADERS, OTHER_HOST) | {"Forwarded": f"host={OTHER_HOST}"}
    more |= dict.fromkeys(TENANT_HEADERS, world.theirs["tenant_id"])
    answer = tried(entry, ids, HERE_HOST, who, more=more)
    if answer.status != usual.status or (entry.method == "GET" and answer.looks != usual.looks):
        yield "another tenant's name in the headers changes the answer"


def origins(world: World, entry: Entry) -> Iterator[str]:
    """Try what a page of another origin could send with the victim's session, token included."""
    if entry.method in ("GET", "HEAD") or entry.needs not in RANKS:
        return
    session = world.sessions[ALICE.email]
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
    tries: dict[str, Headers] = {
        name: {"Cookie": cookies, "X-CSRFToken": TOKEN, "Origin": origin}
        for name, origin in ORIGINS.items()
    }
    tries["no origin and no token"] = {"Cookie": cookies}
    for name, headers in some(list(tries.items()), entry, few=1):
        answer = sent(entry.method, filled(entry.name, world.unknown()), HERE_HOST, headers,
                      form=entry.form, forged=True)  # fmt: skip
        if entry.name in FROM_PROVIDERS:
            bare = sent(entry.method, filled(entry.name, world.unknown()), HERE_HOST, {},
                        form=entry.form, forged=True)  # fmt: skip
            if answer.looks != bare.looks:
                yield f"a session that comes from another origin ({name}) changes the answer"
        elif answer.status != 403:
            yield f"a request of another origin ({name}) is answered {answer.status}"


def operations() -> tuple[dict[str, str], list[str]]:
    """Return each REST operation's id by method and route, and what has ids without a row."""
    generator = SchemaGenerator(urlconf=settings.ROOT_URLCONF)  # type: ignore[no-untyped-call]
    schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    routes = {filled(route, _named(route)): route for route in ROUTES}
    found: dict[str, str] = {}
    missing: list[str] = []
    for path, methods_of in schema["paths"].items():
        for method, operation in methods_of.items():
            name = operation["operationId"]
            found[f"{method.upper()} {routes[path]}"] = name
            rows = BODY_IDS.get(name, {})
            for content in operation.get("requestBody", {}).get("content", {}).values():
                missing += [
                    f"The operation {name} takes ids as {field!r}: to tests/isolation/table.py"
                    " add to BODY_IDS what it names."
                    for field in _ids(schema, content["schema"])
                    if field not in rows
                ]
    return found, missing


def _named(route: str) -> dict[str, str]:
    from tests.isolation.entries import PARAMETER

    return {name: f"{{{name}}}" for name in PARAMETER.findall(route)}


def _ids(schema: Any, shape: Any) -> list[str]:
    if "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    properties = shape.get("properties", {}).items()
    return [name for name, of in properties if "'format': 'uuid'" in repr(of)
            and not of.get("readOnly")]  # fmt: skip
