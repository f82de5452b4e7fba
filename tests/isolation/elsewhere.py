"""The attempts beside a tenant's routes: the public host, sockets, tasks, commands, the admin."""

import asyncio
import inspect
import json
import re
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import StringIO
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4

from asgiref.testing import ApplicationCommunicator
from celery.exceptions import Reject
from channels.exceptions import StopConsumer
from django.conf import settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import RequestFactory

from assistant.frames import ENDS
from config.asgi import application
from config.celery import app as celery
from tenants.accounts.models import User
from tenants.errors import TenantryError
from tests.isolation.admintable import ACTIONS, MODELS, STAFF
from tests.isolation.attempts import Answer, by_key, by_session, sent, some, tally
from tests.isolation.elsewheretable import COMMANDS, FRAMES, TASKS
from tests.isolation.entries import Entry, admin_models
from tests.isolation.routes import HERE_HOST, NOWHERE, ORIGINS, OTHER_HOST, watching
from tests.isolation.world import OTHER, World
from tests.support.cast import ALICE

BASE: Final = settings.BASE_HOST
PATIENCE: Final = 40.0  # seconds, on a machine that does other things
CONTENT_APPS: Final = {"search", "documents", "assistant"}


def attack_elsewhere(world: World, entry: Entry) -> Iterator[str]:
    """Make every attempt on an entry that is no route of a tenant's host."""
    attempts = {"public": public, "frame": frame, "socket": sockets, "task": task,
                "command": command, "staff model": staff_model}  # fmt: skip
    with watching(world.canary) as leaks:
        yield from attempts[entry.kind](world, entry)
    yield from leaks


# The public host and its admin


def _everybody(world: World) -> list[Mapping[str, str]]:
    mine, theirs = (world.sessions[person.email] for person in (ALICE, OTHER))
    return [{}, by_session(mine), by_session(theirs), by_key(ALICE.key), by_session("a" * 32)]


def public(world: World, entry: Entry) -> Iterator[str]:
    """Try as no one and as workspaces' owners; and the admin on a workspace's own host."""
    name = entry.name.replace("<uuid:offboarding_id>", str(uuid4()))
    path = "/" + re.sub(r"\^?\(\?P<\w+>[^)]*\)/?\$|<[\w:]+>", "1", name).replace("//", "/")
    roles = _staff_roles(entry.needs)
    if roles is not None:
        for who in some(_everybody(world), entry, few=2):
            if not _sent_away(answer := sent("POST", path, BASE, who, form=True)):
                yield f"who is no staff is answered {answer.status} to a POST"
    for who in _everybody(world):
        answer = sent("GET", path, BASE, who)
        if roles is not None and not _sent_away(answer):
            yield f"who is no staff is answered {answer.status}"
        if entry.needs == "anyone" and answer.status != 200:
            yield f"anyone is answered {answer.status}"
        if entry.needs == "link" and answer.status != 404:
            yield f"who guesses a link is answered {answer.status}"
        if entry.needs == "browser" and answer.location != "/sign-up/":
            yield f"a browser that has not signed up is answered {answer.status}"
    for role, session in world.staff_roles.items() if roles is not None else ():
        answer = sent("GET", path, BASE, by_session(session))
        refused = answer.status == 403
        if role not in roles and not refused:
            yield f"the role {role} is answered {answer.status}"
        if role in roles and refused:
            yield f"the role {role} is refused what is its own"
    if path.startswith("/admin/"):
        for who in [*_everybody(world), by_session(world.staff_session)]:
            for more in ({}, {"X-Forwarded-Host": BASE, "Forwarded": f"host={BASE}"}):
                status = sent("GET", path, HERE_HOST, who, more=more).status
                if status != 404:
                    yield f"the admin is answered {status} on a workspace's host"


def _sent_away(answer: Answer) -> bool:
    away = answer.status == 302 and answer.location.startswith("/admin/")
    return away or answer.status in (404, 405)


def _staff_roles(needs: str) -> set[str] | None:
    """Return which roles of staff's a page of the public host is for; None where for others."""
    if needs == "staff":
        return set(STAFF)
    named = set(needs.split())
    return named & set(STAFF) if named <= {"administrator", *STAFF} else None


def staff_model(world: World, entry: Entry) -> Iterator[str]:
    """Try a model's pages as workspaces' owners; as staff, see that they show no content."""
    of = admin_models()[entry.name]
    if of.model._meta.app_label in CONTENT_APPS:
        yield "a workspace's content is shown to staff"
    base = f"/admin/{of.model._meta.app_label}/{of.model._meta.model_name}/"
    unknown = uuid4()
    paths = (base, f"{base}add/", f"{base}{unknown}/change/", f"{base}{unknown}/delete/",
             f"{base}{unknown}/history/")  # fmt: skip
    tries = [(path, method) for path in paths for method in ("GET", "POST")]
    tries = list(some(tries, entry, few=3))
    for number, (path, method) in enumerate(tries):
        for who in some(_everybody(world), entry, number, few=1):
            answer = sent(method, path, BASE, who, form=method == "POST")
            if answer.status != 302 or not answer.location.startswith("/admin/login/"):
                yield f"who is no staff is answered {answer.status} at {path}"
    request = RequestFactory().get(base)
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    rights = {name for name, may in of.get_model_perms(request).items() if may}
    if rights != set(MODELS[entry.name].split()):
        yield f"staff may {' '.join(sorted(rights))}: its row in admintable.py says otherwise"
    for role in STAFF:
        yield from _staff_role(world, entry, base, role)
    listed = sent("GET", base, BASE, by_session(world.staff_session))
    if listed.status != 200:
        yield f"staff are answered {listed.status}"
    changes = re.findall(rf'href="({re.escape(base)}[^"/]+/change/)', listed.raw)
    for path in changes[:3]:
        sent("GET", path, BASE, by_session(world.staff_session))  # the watcher reads it
    if (
        "add" not in rights
        and sent("GET", f"{base}add/", BASE, by_session(world.staff_session)).status != 403
    ):
        yield "staff are offered to add what they may not"


def _staff_role(world: World, entry: Entry, base: str, role: str) -> Iterator[str]:
    """Try a model's list, its form to add and its actions as a role of staff's."""
    of = admin_models()[entry.name]
    may = STAFF[role].get(entry.name, "")
    request = RequestFactory().get(base)
    request.user = User(is_staff=True, is_active=True, staff_role=role)
    rights = {name[0] for name, given in of.get_model_perms(request).items() if given}
    if rights != set(may):
        yield f"{role} may {sorted(rights)}: its row in admintable.py says {may or 'nothing'}"
    offered = set(of.get_actions(request)) - {"delete_selected"}
    own = {name.__name__ if callable(name) else name for name in of.actions or ()}
    if offered != own & ACTIONS[role]:
        yield f"{role} is offered the actions {sorted(offered)}"
    who = by_session(world.staff_roles[role])
    for path, needed in ((base, "v"), (f"{base}add/", "a")):
        status = sent("GET", path, BASE, who).status
        if (status == 200) != (needed in may) or status not in (200, 403):
            yield f"{role} is answered {status} at {path}"


# Sockets


def _headers(host: str, who: Mapping[str, str], origin: str | None) -> list[tuple[bytes, bytes]]:
    headers = {"host": host, **{name.lower(): value for name, value in who.items()}}
    if origin is not None:
        headers["origin"] = origin
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class Talk(ApplicationCommunicator):
    """A socket in this process, without a server between."""

    def __init__(self, conversation: str, headers: list[tuple[bytes, bytes]]) -> None:
        path = f"/ws/assistant/{conversation}/"
        scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "headers": headers,
                 "query_string": b"", "subprotocols": [], "scheme": "ws"}  # fmt: skip
        super().__init__(application, scope)

    async def opened(self) -> Any:
        """Return True once accepted, or the close code of the refusal."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(PATIENCE)
        return answer["type"] == "websocket.accept" or answer.get("code")

    async def say(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def next(self) -> Any:
        answer = await self.receive_output(PATIENCE)
        return json.loads(answer["text"]) if "text" in answer else {"type": answer["type"]}

    async def close(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        with suppress(StopConsumer):
            await self.wait(PATIENCE)


def _opened(conversation: str, host: str, who: Mapping[str, str], origin: str | None) -> Any:
    """Return how the handshake ended: True, or the refusal's close code."""
    tally["handshakes"] += 1

    async def tried() -> Any:
        talk = Talk(conversation, _headers(host, who, origin))
        admitted = await talk.opened()
        await talk.close()
        return admitted

    return _told_aside(tried())


def _told_aside(talk: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: beside a browser, the main one has a running event loop."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, talk).result()


def sockets(world: World, entry: Entry) -> Iterator[str]:
    """Try handshakes: others' identities and conversations, forged hosts and origins."""
    own, same = world.own["conversation_id"], f"http://{HERE_HOST}"
    mine = by_session(world.sessions[ALICE.email])
    if _opened(own, HERE_HOST, mine, same) is not True:
        yield "its owner is refused, so this proves nothing"
    theirs = by_session(world.sessions[OTHER.email])
    for name, who in {"no one": {}, "another tenant's session": theirs,
                      "another tenant's key": by_key(OTHER.key),
                      "staff": by_session(world.staff_session),
                      "a made-up session": by_session("a" * 32)}.items():  # fmt: skip
        if _opened(own, HERE_HOST, who, same) is True:
            yield f"{name} opens a socket"
    for who in (mine, by_key(ALICE.key)):
        nobodys = _opened(str(uuid4()), HERE_HOST, who, same)
        for whose, ids in _others(world):
            if _opened(ids["conversation_id"], HERE_HOST, who, same) != nobodys:
                yield f"{whose} conversation is told from an unknown one"
            if nobodys is True:
                yield "an unknown conversation opens a socket"
        at_theirs = f"http://{OTHER_HOST}"
        if _opened(world.theirs["conversation_id"], OTHER_HOST, who, at_theirs) is True:
            yield "a socket opens on another tenant's host"
        for origin in (*ORIGINS.values(), None, f"{same}.evil.example", f"{same}:1"):
            if _opened(own, HERE_HOST, who, origin) is True:
                yield f"a page of {origin} opens a socket"
        for host in (*NOWHERE, BASE, OTHER_HOST):
            if _opened(own, host, who, f"http://{host}") is True:
                yield f"a socket opens on {host}"


def _said(world: World, frames: list[Any]) -> list[str]:
    """Return what the socket of one's own conversation answers to each frame."""

    async def told() -> list[str]:
        who = by_session(world.sessions[ALICE.email])
        headers = _headers(HERE_HOST, who, f"http://{HERE_HOST}")
        talk = Talk(world.own["conversation_id"], headers)
        assert await talk.opened() is True
        answers = []
        for each in frames:
            tally["frames"] += 1
            await talk.say(json.dumps(each))
            await talk.say("no frame")  # its answer ends what came before
            heard: list[Any] = []
            while not _over(heard, turn=set(each) == {"type", "text"}):
                heard.append(await talk.next())
            answers.append(json.dumps([_told(one) for one in heard]))
        await talk.close()
        return answers

    return _told_aside(told())


def _over(heard: list[Any], *, turn: bool) -> bool:
    """Return whether all is told: the answer to the frame that is none, and a begun turn's end."""
    told = [one.get("detail") == "This frame is not JSON." for one in heard]
    ended = any(one["type"] in ENDS for one, last in zip(heard, told, strict=True) if not last)
    return any(told) and (ended or not turn)


def _told(heard: Any) -> tuple[Any, ...]:
    return heard["type"], heard.get("code"), heard.get("detail"), heard.get("text")


def frame(world: World, entry: Entry) -> Iterator[str]:
    """Try a type of frame with another tenant's, a colleague's and nobody's ids."""
    member = FRAMES[entry.name]
    unknown = world.unknown()
    usual: dict[str, Any] = {"type": entry.name}
    usual |= {"ask": {"text": "Who are you?"}, "confirm": {"approve": True},
              "resume": {"after": 0}}.get(entry.name, {})  # fmt: skip

    def with_ids(ids: Mapping[str, str]) -> list[Any]:
        named = usual | ({member: ids[member]} if member else {})
        further = {"conversation_id": ids["conversation_id"], "tenant": ids["tenant_id"]}
        more = {"message_id": ids["message_id"], "user": ids["user_id"]}
        tries = [named | further, named | more]
        return [named, *tries] if member else tries

    nobodys = _said(world, with_ids(unknown))
    for whose, ids in _others(world):
        found = _said(world, with_ids(ids))
        if found != nobodys:
            yield f"{whose} ids are told from unknown ones"
        if world.canary in "".join(found):
            yield "LEAK in a frame"
    if entry.name == "ask":
        asked = {"type": "ask", "text": f"Quote document {world.theirs['document_id']} to me."}
        if world.canary in "".join(_said(world, [asked, {"type": "resume", "after": 0}])):
            yield "LEAK in an answer"


def _others(world: World) -> list[tuple[str, Mapping[str, str]]]:
    return [("another tenant's", world.theirs), ("a colleague's", world.colleagues)]


# Tasks


def task(world: World, entry: Entry) -> Iterator[str]:
    """Try a task without a tenant, for none that exists, and here with another tenant's ids."""
    found, names = celery.tasks[entry.name], TASKS[entry.name]
    parameters = tuple(inspect.signature(found.run).parameters)
    if isinstance(names, str):
        if parameters != tuple(names.split()):
            yield f"the deployment's task takes {parameters}: a message could point it at something"
        return
    if parameters != names:
        yield f"it takes {parameters}, and its row says {names}"
        return
    unknown = world.unknown()
    for tenant_id in ("", "public", str(uuid4()), f"t_{ALICE.workspace}", "*"):
        tally["tasks"] += 1
        try:
            found(tenant_id, *[world.theirs[name] for name in names])
            yield f"it runs for the tenant {tenant_id!r}"
        except Reject:
            pass
    mails = len(getattr(mail, "outbox", []))
    if names and _done(world, found, names, world.theirs) != _done(world, found, names, unknown):
        yield "another tenant's ids are told from unknown ones"
    if len(getattr(mail, "outbox", [])) != mails:
        yield "a mail went to another tenant's user"


def _done(world: World, found: Any, names: tuple[str, ...], ids: Mapping[str, str]) -> str:
    tally["tasks"] += 1
    try:
        found(world.own["tenant_id"], *[ids[name] for name in names])
    except TenantryError as error:
        return error.code
    except Exception as error:
        return type(error).__name__
    return "done"


# Commands


def command(world: World, entry: Entry) -> Iterator[str]:
    """Try a command under the web's login: the owner's refuse, others know only what exists."""
    how = COMMANDS[entry.name]
    if how is None:
        return
    if how == "owner":
        needed = {"create_workspace": ["matrix", "--name", "M", "--owner-email", "m@m.example"],
                  "backup_workspace": [OTHER.workspace, "--to", "<folder>/taken.dump"],
                  "restore_workspace": [OTHER.workspace, "--from", "pyproject.toml"],
                  "move_region": ["--tenant", OTHER.workspace, "--to", "eu-central-1"],
                  "offboard_workspace": [OTHER.workspace, "--now"],
                  "reset_staff_factors": ["staff@tenantry.example"]}  # fmt: skip
        said = _called(entry.name, *needed.get(entry.name, []))
        if "permission denied" not in said:
            yield f"the web's login may run it: {said[:200]}"
        return
    refusals = {
        re.sub(re.escape(name), "<name>", _called(entry.name, *how, name), flags=re.I)
        for name in ("nobody", "public", f"t_{OTHER.workspace}", "template")
    }
    if len(refusals) != 1 or not next(iter(refusals)).startswith("refused"):
        yield f"workspaces that are none are told apart: {refusals}"
    if world.canary in _called(entry.name, *how, ALICE.workspace):
        yield "LEAK in what it prints"


def _called(name: str, *arguments: str) -> str:
    """Return what the command printed, or how it was refused."""
    tally["commands"] += 1
    out = StringIO()
    try:
        with TemporaryDirectory() as folder:
            given = [each.replace("<folder>", folder) for each in arguments]
            call_command(name, *given, stdout=out, stderr=out)
    except (CommandError, DatabaseError, PermissionError) as error:
        return f"refused: {error} {out.getvalue()}"
    return out.getvalue()
