"""What each way into the product expects of whom. An entry without a row fails the build.

Roles are the lowest that may: `anyone` needs no sign-in. Keep the rows in the order of the code.
"""

from typing import Any, Final

# Route as in the URLconf -> method -> lowest role. A method that is not named is refused.
ROUTES: Final[dict[str, dict[str, str]]] = {
    "": {"GET": "viewer"},
    "sign-in/": {"GET": "anyone", "POST": "anyone"},
    "sign-out/": {"POST": "anyone"},
    "password-reset/": {"GET": "anyone", "POST": "anyone"},
    "password-reset/sent/": {"GET": "anyone"},
    "password-reset/<uidb64>/<token>/": {"GET": "anyone", "POST": "anyone"},
    "password-reset/done/": {"GET": "anyone"},
    "welcome/<token>/": {"GET": "anyone"},
    "confirm/<token>/": {"GET": "anyone", "POST": "anyone"},
    "settings/": {"GET": "viewer"},
    "settings/members/": {"GET": "viewer"},
    "settings/keys/": {"GET": "viewer", "POST": "viewer"},
    "settings/keys/<uuid:key_id>/revoke/": {"POST": "viewer"},
    "settings/workspace/": {"GET": "viewer"},
    "settings/workspace/setup/": {"POST": "admin"},
    "settings/workspace/confirm/": {"POST": "viewer"},
    "assistant/": {"GET": "viewer", "POST": "viewer"},
    "assistant/<uuid:conversation_id>/": {"GET": "viewer", "POST": "viewer"},
    "assistant/<uuid:conversation_id>/rename/": {"POST": "viewer"},
    "assistant/<uuid:conversation_id>/delete/": {"POST": "viewer"},
    "assistant/list/": {"GET": "viewer"},
    "assistant/answers/<uuid:message_id>/why/": {"GET": "viewer"},
    "write/": {"GET": "member"},
    "documents/": {"GET": "viewer", "POST": "member"},
    "documents/rows/": {"GET": "viewer"},
    "documents/<uuid:document_id>/": {"GET": "viewer"},
    "documents/<uuid:document_id>/segments/<int:index>/": {"GET": "viewer"},
    "documents/<uuid:document_id>/state/": {"GET": "viewer"},
    "documents/<uuid:document_id>/original/": {"GET": "viewer"},
    "documents/<uuid:document_id>/delete/": {"POST": "member"},
    "documents/<uuid:document_id>/retry/": {"POST": "member"},
    "ask/": {"GET": "viewer", "POST": "viewer"},
    "search/": {"GET": "viewer"},
    "collections/": {"GET": "viewer", "POST": "member"},
    "collections/<uuid:collection_id>/": {"GET": "viewer", "POST": "member"},
    "collections/<uuid:collection_id>/delete/": {"POST": "member"},
    "collections/<uuid:collection_id>/members/": {"POST": "member"},
    "collections/<uuid:collection_id>/members/<uuid:user_id>/remove/": {"POST": "member"},
    "usage/": {"GET": "viewer"},
    "usage/meters/": {"GET": "viewer"},
    "usage/meter/": {"GET": "viewer"},
    "usage/plans/": {"GET": "viewer"},
    "usage/plans/keep/": {"POST": "owner"},
    "usage/plans/<slug:plan>/": {"GET": "owner", "POST": "owner"},
    "usage/prices/": {"GET": "viewer"},
    "usage/invoices/": {"GET": "owner"},
    "usage/invoices/details/": {"POST": "owner"},
    "usage/invoices/<uuid:invoice_id>/": {"GET": "owner"},
    "usage/invoices/<uuid:invoice_id>/pdf/": {"GET": "owner"},
    "usage/invoices/<uuid:invoice_id>/csv/": {"GET": "owner"},
    "usage/invoices/<uuid:invoice_id>/lines/<uuid:line_id>/": {"GET": "owner"},
    "usage/limits/": {"GET": "viewer", "POST": "admin"},
    "usage/requests/": {"GET": "viewer"},
    "usage/requests/<uuid:request_id>/": {"GET": "viewer"},
    "usage/export/": {"GET": "viewer"},
    "requests/<uuid:request_id>/why/": {"GET": "viewer"},
    "settings/safety/": {"GET": "viewer", "POST": "admin"},
    "settings/safety/versions/<int:version>/restore/": {"POST": "admin"},
    "api/v1/schema/": {"GET": "anyone"},
    "api/v1/docs/": {"GET": "viewer"},
    "api/v1/conversations/": {"GET": "viewer", "POST": "viewer"},
    "api/v1/conversations/<uuid:conversation_id>/": {
        "GET": "viewer",
        "PATCH": "viewer",
        "DELETE": "viewer",
    },
    "api/v1/conversations/<uuid:conversation_id>/messages/": {"POST": "viewer"},
    "api/v1/conversations/<uuid:conversation_id>/messages/<uuid:message_id>/regenerate/": {
        "POST": "viewer"
    },
    "api/v1/conversations/<uuid:conversation_id>/actions/": {"GET": "viewer"},
    "api/v1/conversations/<uuid:conversation_id>/actions/<uuid:action_id>/": {"POST": "viewer"},
    "api/v1/conversations/<uuid:conversation_id>/stop/": {"POST": "viewer"},
    "api/v1/write/": {"POST": "member"},
    "api/v1/documents/": {"GET": "viewer", "POST": "member"},
    "api/v1/documents/<uuid:document_id>/": {"GET": "viewer", "DELETE": "member"},
    "api/v1/documents/<uuid:document_id>/retry/": {"POST": "member"},
    "api/v1/documents/<uuid:document_id>/text/": {"GET": "viewer"},
    "api/v1/ask/": {"POST": "viewer"},
    "api/v1/search/": {"POST": "viewer"},
    "api/v1/collections/": {"GET": "viewer", "POST": "member"},
    "api/v1/collections/<uuid:collection_id>/": {
        "GET": "viewer",
        "PATCH": "member",
        "DELETE": "member",
    },
    "api/v1/collections/<uuid:collection_id>/members/": {"GET": "viewer"},
    "api/v1/collections/<uuid:collection_id>/members/<uuid:user_id>/": {
        "PUT": "member",
        "DELETE": "member",
    },
    "api/v1/usage/": {"GET": "viewer"},
    "api/v1/plans/": {"GET": "admin"},
    "api/v1/plans/next/": {"DELETE": "owner"},
    "api/v1/plans/<slug:plan>/effect/": {"GET": "owner"},
    "api/v1/plans/<slug:plan>/choose/": {"POST": "owner"},
    "api/v1/invoices/": {"GET": "owner"},
    "api/v1/invoices/<uuid:invoice_id>/": {"GET": "owner"},
    "api/v1/invoices/<uuid:invoice_id>/pdf/": {"GET": "owner"},
    "api/v1/invoices/<uuid:invoice_id>/lines/<uuid:line_id>/": {"GET": "owner"},
    "api/v1/usage/series/": {"GET": "viewer"},
    "api/v1/usage/limits/": {"GET": "viewer"},
    "api/v1/usage/cap/": {"PUT": "owner"},
    "api/v1/usage/budget/": {"PUT": "owner"},
    "api/v1/usage/allowances/": {"PUT": "admin"},
    "api/v1/safety/": {"GET": "viewer", "PATCH": "admin"},
    "api/v1/safety/versions/<int:version>/restore/": {"POST": "admin"},
    "api/v1/requests/<uuid:request_id>/": {"GET": "viewer"},
    "api/<path:_rest>": {},  # the API's own 404, to anyone
}
# What a part of a path names; each is tried as another tenant's, a colleague's and nobody's.
PARAMETERS: Final = {
    "document_id",
    "conversation_id",
    "message_id",
    "request_id",
    "key_id",
    "collection_id",
    "user_id",
    "invoice_id",
    "line_id",
    "plan",
    "version",
    "index",
    "uidb64",
    "token",
    "_rest",
    "action_id",
}
# Objects of one user, which colleagues of a lower role may not tell from missing ones.
PRIVATE: Final = {"conversation_id", "message_id", "request_id", "key_id", "action_id"}

# Ids in the bodies of REST requests, by the schema's operation: field -> what it names.
BODY_IDS: Final[dict[str, dict[str, str]]] = {
    "documents_upload": {"collection": "collection_id"},
    "ask": {"document_ids": "document_id", "collection_ids": "collection_id"},
    "search_create": {"document_ids": "document_id", "collection_ids": "collection_id"},
    "write": {"document_ids": "document_id"},
    "usage_allowance_set": {"user_id": "user_id"},
}
# What a request must hold beside them to get as far as the object.
BODIES: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("api/v1/conversations/<uuid:conversation_id>/", "PATCH"): {"title": "Taken"},
    ("api/v1/conversations/<uuid:conversation_id>/messages/", "POST"): {"text": "Who are you?"},
    ("api/v1/conversations/<uuid:conversation_id>/actions/<uuid:action_id>/", "POST"): {
        "approve": True
    },
    ("api/v1/ask/", "POST"): {"question": "What may a hotel room cost?"},
    ("api/v1/search/", "POST"): {"query": "hotel room"},
    ("usage/limits/", "POST"): {"part": "allowance", "user_id": ""},
    ("api/v1/usage/cap/", "PUT"): {"usd": None},
    ("api/v1/usage/budget/", "PUT"): {"usd": None},
    ("api/v1/usage/allowances/", "PUT"): {"user_id": None},
    ("api/v1/write/", "POST"): {"task": "summarize"},
    ("api/v1/collections/<uuid:collection_id>/", "PATCH"): {"name": "Taken"},
    ("api/v1/collections/<uuid:collection_id>/members/<uuid:user_id>/", "PUT"): {"right": "read"},
    ("ask/", "POST"): {"question": "What may a hotel room cost?"},
    ("assistant/<uuid:conversation_id>/", "POST"): {"text": "Who are you?"},
    ("assistant/<uuid:conversation_id>/rename/", "POST"): {"title": "Taken"},
}

# Type of a frame that clients send -> its member that names an object, if any.
FRAMES: Final[dict[str, str]] = {
    "ask": "",
    "stop": "",
    "regenerate": "message_id",
    "confirm": "action_id",
    "resume": "",
}
# Addresses of sockets.
SOCKETS: Final = {"ws/assistant/<uuid:conversation_id>/"}

# Celery task -> what its arguments name, after the tenant's id; a text: the deployment's own, with
# its arguments, which name no object, so that no message can point it at anything.
TASKS: Final[dict[str, tuple[str, ...] | str]] = {
    "accounts.confirm_mail": ("user_id",),
    "accounts.find_mail": "email",
    "accounts.password_mail": ("email", "host"),
    "accounts.sync_addresses": "",
    "assistant.reap": "",
    "bedrock.check_logs": "",
    "bedrock.explore_costs": "",
    "bedrock.guardrails": "region",
    "bedrock.profiles": "",
    "bedrock.read_costs": "",
    "bedrock.read_logs": "",
    "bedrock.stop_batches": "",
    "billing.invoice_mail": ("invoice_id",),
    "billing.invoices": "",
    "billing.partitions": "",
    "billing.payments": "",
    "billing.plans": "",
    "billing.seats": "",
    "billing.storage": "",
    "billing.sweep": "",
    "documents.batch_advance": ("job_id",),
    "documents.batch_collect": (),
    "documents.ingest": ("document_id",),
    "documents.objects_sweep": (),
    "documents.recover": "",
    "documents.reembed": (),
    "documents.reembed_all": "",
    "documents.remask": (),
    "registry.erase_due": "",
    "registry.onboard": "tenant_id",
    "registry.onboard_due": "",
    "search.copies_recover": "",
    "search.copies_sync": (),
}

# Management command -> how it is given a workspace, as arguments before its name; `owner`: only
# the owner's login may run it; None: it is about no workspace.
COMMANDS: Final[dict[str, tuple[str, ...] | str | None]] = {
    "create_workspace": "owner",
    "export_workspace": ("--to", "<folder>/archive.zip"),
    "load_rate_card": "owner",
    "migrate_tenants": "owner",
    "move_retrieval": ("--to", "schema", "--tenant"),
    "offboard_workspace": "owner",
    "provision_aws": None,
    "reembed": ("--tenant",),
    "remask_documents": (),
    "seed_demo": "owner",
}
