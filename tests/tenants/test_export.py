"""A workspace's archive: everything it owns, nothing of anybody else, no secret, and readable."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from django.db import connection

from assistant.models import Conversation, Message
from documents.services import document_upload
from tenants.context import Actor, entered
from tenants.lifecycle.export import export_write
from tests.support.cast import ALICE, CHARLIE, PASSWORD
from tests.support.clients import tenant_of, user_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_archive_holds_everything_of_its_workspace_and_no_secret() -> None:
    for person, canary in ((ALICE, b"The amber canary."), (CHARLIE, b"The violet canary.")):
        user = user_of(person)
        with entered(tenant_of(person)):
            actor = Actor(user.id, user.role, "session")
            name = f"../{person.name}: a <notice>.final.txt"
            document_upload(actor=actor, file=io.BytesIO(canary), name=name)
            talk = Conversation.objects.create(owner=user, title=f"What {person.name} asked")
            Message.objects.create(conversation=talk, position=1, role="user", text=canary.decode())
    connection.close()
    out = io.BytesIO()
    with entered(tenant_of(ALICE)):
        count = export_write(out)
    with zipfile.ZipFile(out) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert len(content) == count
    manifest = json.loads(content["manifest.json"])
    assert {file["path"] for file in manifest["files"]} == content.keys() - {"manifest.json"}
    for file in manifest["files"]:
        assert hashlib.sha256(content[file["path"]]).hexdigest() == file["sha256"]
    everything = b"".join(content.values())
    assert b"violet" not in everything
    assert CHARLIE.email.encode() not in everything
    for secret in (b"pbkdf2", b"argon2", PASSWORD.encode(), ALICE.key.encode()):
        assert secret not in everything
    (document,) = map(json.loads, content["tables/documents_document.jsonl"].splitlines())
    file = f"documents/Alice a noticefinal {document['id']}.txt"
    assert content[file] == b"The amber canary."
    assert f"objects/{document['object_key']}" not in content
    folders = {name.partition("/")[0] for name in content if "/" in name}
    assert all(f"{folder}/" in content["README.txt"].decode() for folder in folders)
    (talk_file,) = (name for name in content if name.startswith("conversations/What Alice asked"))
    assert b"The amber canary." in content[talk_file]
    sheet, document = sorted(name for name in content if name.startswith("invoices/"))
    assert b"A line of Acme Works" in content[sheet]
    assert content[document].startswith(b"%PDF")
    people = [json.loads(line) for line in content["tables/accounts_user.jsonl"].splitlines()]
    assert ALICE.email in {person["email"] for person in people}
    assert not {"password", "digest"} & {key for person in people for key in person}
    assert not {name for name in content if "session" in name or "posting" in name}
