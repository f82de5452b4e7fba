"""The audit streamed to a webhook: every entry once, in order, with the seal over it."""

import hashlib
import json

import pytest

from tenants.accounts.audit import audit_write
from tenants.accounts.models import AuditEvent, AuditSeal
from tenants.accounts.sealing import audit_seal
from tenants.context import SYSTEM, entered
from tenants.webhooks.models import Delivery, Endpoint
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_endpoint_that_names_it_gets_each_seal_with_its_entries_and_others_get_nothing() -> None:
    with entered(tenant_of(ALICE)):
        audit_seal()
        named = Endpoint.objects.create(url="https://a.example/", events=["audit.sealed"])
        Endpoint.objects.create(url="https://all.example/", events=[])
        for number in range(3):
            audit_write(SYSTEM, action="deed.done", object_id=str(number))
        assert audit_seal() == 3
        [delivery] = Delivery.objects.all()
        assert delivery.endpoint_id == named.id
        data = json.loads(delivery.body)["data"]
        assert [entry["object_id"] for entry in data["entries"]] == ["0", "1", "2"]
        digest = hashlib.sha256(data["before"].encode())
        for entry in data["entries"]:
            digest.update(b"\n" + json.dumps(entry, sort_keys=True).encode())
        seal = AuditSeal.objects.order_by("-number")[0]
        assert digest.hexdigest() == data["digest"] == seal.digest
        assert audit_seal() == 0
        assert Delivery.objects.count() == 1 and AuditEvent.objects.filter(action="deed.done")
    with entered(tenant_of(CHARLIE)):
        audit_write(SYSTEM, action="deed.done")
        audit_seal()
        assert not Delivery.objects.exists(), "another workspace's"
