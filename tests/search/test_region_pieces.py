"""A move in many pieces: each goes on behind the one before, whatever is stored meanwhile."""

from __future__ import annotations

import pytest
from django.db import connection

from tenants.accounts.models import AuditEvent
from tenants.context import TenantContext, entered
from tenants.objects import object_put
from tests.search.regionworkspace import NEW, OLD, Manage, inside, row, status
from tests.search.regionworkspace import moving as moving
from tests.search.test_region_asking import asked

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 12
# Pieces as short as can be, pages of one key; after the sixth piece the old Region gets an object
# before those that were copied and another text of the same length, the new one a stray.
PIECES = """
import tenants.objectmoving
tenants.objectmoving.LISTED_AT_ONCE = 1
import search.regions
search.regions.LISTED_AT_ONCE, search.regions.TELL = 1, 0.0
from search.regionasking import region_move_go_on
from tenants.aws import ops_client
from tenants.objects import bucket
from tenants.registry.models import RegionMove
from tenants.context import public_scope
old, new = ops_client("s3", "eu-central-1"), ops_client("s3", "us-east-1")
counted, sent = [], []
def listed(**_):
    counted[-1] += 1
for client in (old, new):
    client.meta.events.register("provide-client-params.s3.ListObjectsV2", listed)
new.meta.events.register(
    "provide-client-params.s3.PutObject", lambda params, **_: sent.append(params["Key"]))
with public_scope("staff"):
    move = RegionMove.objects.get(tenant_id="{id}")
root, going = "tenants/{id}/attached/", True
while going:
    counted.append(0)
    going = region_move_go_on(move.id, seconds=0.0)
    if len(counted) == 6:
        for key, text in (("0.txt", b"first"), ("many-00.txt", b"other")):
            old.put_object(Bucket=bucket("eu-central-1"), Key=root + key, Body=text)
        new.put_object(Bucket=bucket("us-east-1"), Key=root + "many-00-stray.txt", Body=b"stray")
        sent.remove(root + "many-00-stray.txt")
print("pieces", len(counted), "listings", sum(counted), "most", max(counted), "sent", len(sent))
"""


def test_no_piece_lists_what_was_passed_and_nothing_is_lost_or_left_over(
    moving: TenantContext, manage: Manage
) -> None:
    with entered(moving):
        for number in range(MANY):
            object_put(f"attached/many-{number:02}.txt", b"a txt", content_type="text/plain")
    root = f"tenants/{moving.id}/attached/"
    wanted = inside(OLD) | {f"{root}0.txt": b"first", f"{root}many-00.txt": b"other"}
    status("suspend")
    assert "is to be moved" in asked()
    connection.close()
    told = manage("owner", "shell", "-c", PIECES.format(id=moving.id)).splitlines()[-1].split()
    pieces, listings, most, sent = (int(told[at]) for at in (1, 3, 5, 7))
    assert pieces > 2 * MANY
    # Two lists side by side, a page ahead of what is passed; all is counted once at the beginning.
    assert most <= len(wanted) + 4 and listings <= 4 * pieces + 3 * len(wanted)
    assert sent == len(wanted) + 1  # each once; the other text of the same name again
    assert inside(NEW) == wanted and inside(OLD) == {} and row().region == NEW
    with entered(row().context):
        (kept,) = AuditEvent.objects.filter(action="workspace.region_moved")
    assert kept.data["objects"] == len(wanted)
    assert kept.data["bytes"] == sum(map(len, wanted.values()))
