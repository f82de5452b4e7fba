"""Whose objects are tried: another tenant's, a colleague's and one's own, made once by real paths.

Every text of the other tenant's holds the canary: a made-up word that nobody else may ever read.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any, Final
from uuid import UUID, uuid4

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from assistant.actions import action_propose
from assistant.attaching import attachment_add
from assistant.keeping import conversation_share
from assistant.models import Message
from assistant.texts import text_keep
from assistant.tools import TOOLS
from assistant.tools.base import Plan
from bedrock.gateway import ToolUse
from bedrock.models import PolicyDecision
from billing.models import InvoiceLine, LedgerLine
from search.models import Chunk
from tenants.accounts.models import ApiKey, Invitation, MemberGroup, User
from tenants.context import entered, public_scope
from tenants.objects import object_put
from tenants.registry.models import DataExport, Impersonation
from tenants.secretbox import secret_seal
from tenants.signin.models import EmailDomain, Factor, OpenSession
from tenants.webhooks.models import Delivery, Endpoint
from tests.assistant.talking import actor_for, conversation_for
from tests.documents.helpers import ingested, ready, upload
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, STAFF_ROLES, Person
from tests.support.clients import api, browser_of, staff_client, tenant_of, user_of

OTHER: Final = CHARLIE
HERE: Final = (BOB, MAX, ADA, ALICE)  # viewer, member, admin, owner
Ids = dict[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """The objects, by what a parameter of a path names, and the sessions."""

    canary: str
    theirs: Ids  # the other tenant's
    colleagues: Ids  # of another user of the same tenant
    own: Ids  # of the one who asks
    hidden: Ids  # in a colleague's closed collection, of which viewers and members know nothing
    sessions: dict[str, str]  # by e-mail address
    staff_session: str
    staff_roles: dict[str, str]  # a session of each role

    def unknown(self) -> Ids:
        """Return ids of the same forms that nobody has."""
        made = {name: str(uuid4()) for name in self.theirs}
        return made | {"version": "999", "index": "0", "uidb64": "b25l", "token": "c1-f00",
                       "host": ALICE.host, "email": "no@one.example", "_rest": "x"}  # fmt: skip


def build() -> World:
    """Make everything, committed."""
    canary = "zarn" + "".join(secrets.choice("bdfgklmnprstvz") + "o" for _ in range(6))
    sessions = {  # first: whoever has a second factor later is asked for it
        person.email: browser_of(person).cookies[settings.SESSION_COOKIE_NAME].value
        for person in (*HERE, OTHER)
    }
    theirs = objects_of(OTHER, canary)
    own = objects_of(ALICE, "of one's own")
    _share(OTHER, theirs["conversation_id"])
    _share(ALICE, own["conversation_id"])  # a colleague's is not: it must look like nobody's
    return World(
        canary=canary,
        theirs=theirs | _reset(OTHER),  # after the sign-in, which ends earlier links
        colleagues=objects_of(ADA, "of a colleague"),
        own=own,
        hidden=_hidden(),
        sessions=sessions,
        staff_session=staff_client().cookies[settings.SESSION_COOKIE_NAME].value,
        staff_roles={
            role: staff_client(role).cookies[settings.SESSION_COOKIE_NAME].value
            for role in STAFF_ROLES
        },
    )


def objects_of(person: Person, word: str) -> Ids:
    """Make one object of each kind that a path or a body may name."""
    text = f"# {word}\n\nThe {word} plan allows 140 euros a night. Only {word} may read this.\n"
    document = ready(f"{word}.md", text, person)
    conversation = conversation_for(person, title=f"About {word}")
    said = _sent(person, f"conversations/{conversation}/messages/",
                 {"text": f"What does the {word} plan allow?"})  # fmt: skip
    collection = _sent(person, "collections/", {"name": f"{word} {uuid4().hex[:6]}"})
    with entered(tenant_of(person)):
        key = ApiKey.objects.create(
            user=user_of(person), name=word, prefix="tnt_none", digest=secrets.token_bytes(32)
        )
        invitation = Invitation.objects.create(
            email=f"{uuid4().hex[:8]}@example.com",
            role="viewer",
            invited_by=user_of(person).id,
            expires_at=timezone.now() + timedelta(days=1),
        )
        group = MemberGroup.objects.create(name=f"{word} {uuid4().hex[:6]}")
        endpoint = Endpoint.objects.create(
            url="https://hooks.example/", description=word, disabled_at=timezone.now(),
            secret=secret_seal("whsec_" + word, purpose="webhook"),
        )  # fmt: skip
        delivery = Delivery.objects.create(
            endpoint=endpoint, event_type="document.ready", body=json.dumps({"data": word})
        )
        factor = Factor.objects.create(
            user=user_of(person), kind="app", name=word, last_used_at=timezone.now()
        )
        session = OpenSession.objects.create(
            user=user_of(person), session_key=secrets.token_hex(16), device=word, address="",
            seen_at=timezone.now(),
        )  # fmt: skip
        domain = EmailDomain.objects.create(name=f"{uuid4().hex}.example", token=word)
        program = User.objects.create(
            email=f"{uuid4().hex}@programs.invalid", name=word, is_service=True, role="viewer"
        )
        chunk = Chunk.objects.filter(source_id=document.id).first()
        assert chunk is not None
        line = InvoiceLine.objects.get(kind="usage")
        version, _ = text_keep(
            actor=actor_for(person), task="draft", text_id=None, given="", request_id=uuid4(),
            content=f"# {word}\n\nOnly {word} may read this draft.", citations=[],
        )  # fmt: skip
        archive = f"Only {word} may read this archive.".encode()
        export = DataExport.objects.create(
            tenant_id=tenant_of(person).id, state="ready", size=len(archive)
        )
        object_put(f"exports/{export.id}.zip", archive, content_type="application/zip")
    with public_scope("staff"):
        visit = Impersonation.objects.create(
            tenant_id=tenant_of(person).id, user_id=user_of(person).id, staff_id=uuid4(),
            reason="Nobody's", expires_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
    return {
        "visit_id": str(visit.id),
        "document_id": str(document.id),
        "conversation_id": str(conversation),
        "upload_id": _sent(person, "documents/uploads/", {"name": f"{word}.md", "size": 9})["id"],
        "attachment_id": str(_attached(person, conversation, text)),
        "message_id": said["id"],
        "text_id": str(version.text_id),
        "request_id": said["request_id"],
        "collection_id": collection["id"],
        "key_id": str(key.id),
        "invitation_id": str(invitation.id),
        "group_id": str(group.id),
        "program_id": str(program.id),
        "factor_id": str(factor.id),
        "session_id": str(session.id),
        "domain_id": str(domain.id),
        "endpoint_id": str(endpoint.id),
        "delivery_id": str(delivery.id),
        "invoice_id": str(line.invoice_id),
        "line_id": str(line.id),
        "export_id": str(export.id),
        "plan": "business",
        "chunk_id": str(chunk.chunk_id),
        "job_id": str(uuid4()),
        "alert_id": str(uuid4()),
        "action_id": _proposed(person, conversation, word),
        "user_id": str(user_of(person).id),
        "tenant_id": str(tenant_of(person).id),
        "version": "1",  # counts each workspace's own
        "index": "0",
        "host": person.host,
        "email": person.email,
        "_rest": "x",
        "slug": "asking",  # a help page, the same for everybody
    }


def _hidden() -> Ids:
    """File a document where only its owner and those who manage collections get to know of it."""
    place = _sent(ADA, "collections/", {"name": f"Ada's own {uuid4().hex[:6]}", "open": False})
    text = "# Ada's own\n\nOnly Ada may read of the sealed offer.\n"
    document = upload("sealed.md", text, ADA, collection=place["id"]).json()["id"]
    assert ingested(document, ADA).status == "ready"
    with entered(tenant_of(ADA)):
        chunk = Chunk.objects.filter(source_id=document).first()
        assert chunk is not None
    return {"document_id": document, "collection_id": place["id"], "chunk_id": str(chunk.chunk_id)}


def _attached(person: Person, conversation: UUID, text: str) -> UUID:
    """Return a file that the person attached to their conversation and has not sent."""
    with entered(tenant_of(person)):
        file = BytesIO(text.encode())
        made, _ = attachment_add(
            actor=actor_for(person), conversation_id=conversation, file=file, name="attached.md"
        )
    ingested(made.id, person)
    return made.id


def _share(person: Person, conversation: str) -> None:
    """Let everybody in the person's workspace read their conversation."""
    with entered(tenant_of(person)):
        conversation_share(actor=actor_for(person), conversation_id=UUID(conversation), shared=True)


def _proposed(person: Person, conversation: UUID, word: str) -> str:
    """Return a change of the person's own document that waits for them."""
    with entered(tenant_of(person)):
        answer = Message.objects.filter(conversation_id=conversation).latest("position")
        action = action_propose(
            answer=answer,
            tool=TOOLS["delete_document"],
            plan=Plan(
                f"Delete the document “{word}”", {"document_id": "", "document_name": word}, False
            ),
            use=ToolUse("tooluse_1", "delete_document", {"document": word}),
        )
    return str(action.id)


def _sent(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api(person).post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def _reset(person: Person) -> Ids:
    """Return the parts of a reset link that would set the person's password at home."""
    with entered(tenant_of(person)):
        user = user_of(person)
        return {
            "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
            "token": default_token_generator.make_token(user),
        }


def kept() -> dict[str, Any]:
    """Return every row of the other tenant's, but its sessions, to be compared afterwards."""
    labels = {AppConfig.create(name).label for name in settings.TENANT_APPS} - {"sessions"}
    rows: dict[str, Any] = {}
    with entered(tenant_of(OTHER)):
        for model in apps.get_models():
            if model._meta.app_label in labels and model._meta.managed:
                found = model._default_manager.values_list(*[f.attname for f in model._meta.fields])
                rows[model._meta.label] = sorted(map(repr, found))
    with public_scope("staff"):
        rows |= {
            model._meta.label: model._default_manager.filter(tenant_id=tenant_of(OTHER).id).count()
            for model in (LedgerLine, PolicyDecision)
        }
    return rows
