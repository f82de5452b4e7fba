"""Frames, sockets, tasks and commands, and what they name; one without a row fails the build."""

from typing import Final

# Type of a frame that clients send -> its member that names an object, if any.
FRAMES: Final[dict[str, str]] = {
    "ask": "",
    "stop": "",
    "regenerate": "message_id",
    "edit": "message_id",
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
    "accounts.invitation_mail": ("invitation_id",),
    "accounts.password_mail": ("email", "host"),
    "accounts.staff_visit_mail": ("visit_id",),
    "accounts.sync_addresses": "",
    "accounts.seal_audit": "",
    "assistant.reap": "",
    "assistant.tidy": "",
    "bedrock.check_logs": "",
    "bedrock.explore_costs": "",
    "bedrock.guardrails": "region",
    "bedrock.profiles": "",
    "bedrock.read_costs": "",
    "bedrock.read_logs": "",
    "bedrock.reconcile": "",
    "bedrock.stop_batches": "",
    "billing.invoice_mail": ("invoice_id",),
    "billing.invoices": "",
    "billing.alert_mail": ("alert_id",),
    "billing.alerts": "",
    "billing.credit_alerts": "",
    "billing.partitions": "",
    "billing.payments": "",
    "billing.plans": "",
    "billing.seats": "",
    "billing.storage": "",
    "billing.sweep": "",
    "billing.true_up": "",
    "documents.batch_advance": ("job_id",),
    "documents.batch_collect": (),
    "documents.ingest": ("document_id",),
    "documents.objects_sweep": (),
    "documents.recover": "",
    "documents.reembed": (),
    "documents.reembed_all": "",
    "documents.remask": (),
    "registry.erase_due": "",
    "registry.isolation_check": (),
    "registry.isolation_checks": "",
    "registry.export": ("export_id",),
    "registry.dead_task": "name queue attempts code args kwargs",
    "registry.health": "",
    "registry.retention": "",
    "registry.onboard": "tenant_id",
    "registry.onboard_due": "",
    "search.copies_recover": "",
    "search.copies_sync": (),
    "signin.tidy": "",
    "search.index_vectors": "",
    "search.languages_reread": (),
    "search.languages_reread_all": "",
    "search.relocate": (),
    "webhooks.deliver": ("delivery_id",),
    "webhooks.disabled_mail": ("endpoint_id",),
    "webhooks.due": "",
    "webhooks.tidy": "",
}

# Management command -> how it is given a workspace, as arguments before its name; `owner`: only
# the owner's login may run it; None: it is about no workspace.
COMMANDS: Final[dict[str, tuple[str, ...] | str | None]] = {
    "backup_workspace": "owner",
    "create_workspace": "owner",
    "export_workspace": ("--to", "<folder>/archive.zip"),
    "index_vectors": "owner",
    "load_rate_card": "owner",
    "migrate_tenants": "owner",
    "move_retrieval": ("--to", "schema", "--tenant"),
    "offboard_workspace": "owner",
    "provision_aws": None,
    "reembed": ("--tenant",),
    "reread_languages": ("--tenant",),
    "remask_documents": (),
    "reset_staff_factors": "owner",
    "restore_workspace": "owner",
    "seed_demo": "owner",
    "verify_audit": (),
}
