"""The bodies that the examples of REST operations send: what one would write there, by operation.

A text `{document_id}` stands for that variable: examples read it from the environment, as they do
the ids of their addresses.
"""

from collections.abc import Mapping
from typing import Any, Final

BODIES: Final[Mapping[str, Any]] = {
    "actions_decide": {"approve": True},
    "ask": {"question": "What may a hotel room cost per night in London?"},
    "assistant_change": {"instructions": "Answer briefly. Sums are in euros."},
    "bench": {"text": "How do I reset my password?", "side": "input"},
    "collection_groups_set": {"right": "read"},
    "collection_members_set": {"right": "add"},
    "collections_change": {"name": "Contracts 2026"},
    "collections_create": {"name": "Contracts", "open": True},
    "conversations_choose": {"message_id": "{message_id}"},
    "conversations_create": {"title": "Travel in spring"},
    "conversations_rename": {"title": "Travel in autumn", "pinned": True},
    "data_policy_change": {"days": {"conversations": 90}},
    "documents_bulk": {
        "action": "tag",
        "document_ids": ["{document_id}"],
        "tags": ["travel"],
    },
    "documents_change": {"name": "Travel policy 2026.pdf", "tags": ["travel", "2026"]},
    "group_change": {"name": "Legal and finance"},
    "group_create": {"name": "Legal"},
    "invitation_create": {"email": "new.colleague@example.com", "role": "member"},
    "key_create": {"name": "Nightly import", "expires_at": "2030-01-31T12:00:00Z"},
    "member_change": {"role": "member"},
    "messages_create": {"text": "How many days may I work abroad?"},
    "messages_edit": {"text": "How many days may I work abroad in a year?"},
    "messages_rate": {"rating": "down", "reason": "It left out the exceptions."},
    "posture_ask": {"posture": "internal", "reason": "Only our own engineers ask."},
    "posture_change": {"posture": "general"},
    "program_create": {"name": "Intranet search", "role": "viewer"},
    "safety_change": {"words": ["project heron"]},
    "search_create": {"query": "hotel limit London", "limit": 5},
    "sign_in_policy_set": {"second": "optional"},
    "texts_rename": {"title": "Notes on travel"},
    "texts_restore": {"version": 1},
    "uploads_begin": {"name": "manual.pdf", "size": 60_000_000},
    "uploads_complete": {"keep_both": True},
    "uploads_parts": {"numbers": [1]},
    "usage_alerts_choose": {
        "thresholds": {"quota": [80, 100], "budget": [50, 90]},
        "to_admins": True,
        "members": [],
    },
    "usage_alerts_read": {"until": "2026-01-31T12:00:00Z"},
    "usage_allowance_set": {"user_id": "{user_id}", "model_tokens": 2_000_000},
    "usage_budget_set": {"usd": "500.00"},
    "usage_cap_set": {"usd": "800.00"},
    "webhook_change": {"description": "Tells the archive"},
    "webhook_create": {
        "url": "https://example.com/hooks/tenantry",
        "events": ["document.ready"],
    },
    "write": {
        "task": "rewrite",
        "text": "In order to save money, please note that we need to act quickly.",
        "instructions": "Make it shorter and more concise.",
    },
}
