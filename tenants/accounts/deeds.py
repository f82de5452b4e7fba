"""What the deeds of the audit are called, so that translations of them are found."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

DEEDS: Final[Mapping[str, "StrOrPromise"]] = {
    "alerts.set": _("Alerts: set"),
    "allowance.set": _("Allowance: set"),
    "api_key.create": _("API key: create"),
    "api_key.revoke": _("API key: revoke"),
    "assistant.changed": _("Assistant: changed"),
    "assistant.restored": _("Assistant: restored"),
    "assistant.delete_document": _("Assistant: delete document"),
    "assistant.rename_document": _("Assistant: rename document"),
    "assistant.move_document": _("Assistant: move document"),
    "assistant.tag_document": _("Assistant: tag document"),
    "assistant.save_draft": _("Assistant: save draft"),
    "assistant.share_conversation": _("Assistant: share conversation"),
    "audit.export": _("Audit: export"),
    "billing.addressed": _("Billing: addressed"),
    "budget.set": _("Budget: set"),
    "cap.set": _("Cap: set"),
    "collection.create": _("Collection: create"),
    "collection.change": _("Collection: change"),
    "collection.delete": _("Collection: delete"),
    "collection.share": _("Collection: share"),
    "collection.unshare": _("Collection: unshare"),
    "conversation.delete": _("Conversation: delete"),
    "conversation.share": _("Conversation: share"),
    "conversation.unshare": _("Conversation: unshare"),
    "credit.grant": _("Credit: grant"),
    "data.export": _("Data: export"),
    "data.export_download": _("Data: export download"),
    "data.hold_lifted": _("Data: hold lifted"),
    "data.hold_set": _("Data: hold set"),
    "data.retention": _("Data: retention"),
    "data.staff_access": _("Data: staff access"),
    "data.retention_applied": _("Data: retention applied"),
    "domain.add": _("Domain: add"),
    "domain.record_found": _("Domain: record found"),
    "domain.record_gone": _("Domain: record gone"),
    "domain.remove": _("Domain: remove"),
    "domain.verify": _("Domain: verify"),
    "document.delete": _("Document: delete"),
    "document.move": _("Document: move"),
    "document.rename": _("Document: rename"),
    "document.replace": _("Document: replace"),
    "document.retry": _("Document: retry"),
    "document.tag": _("Document: tag"),
    "document.unmask": _("Document: unmask"),
    "document.upload": _("Document: upload"),
    "factor.add": _("Factor: add"),
    "factor.codes": _("Factor: codes"),
    "factor.remove": _("Factor: remove"),
    "factor.reset": _("Factor: reset"),
    "group.add": _("Group: add"),
    "group.create": _("Group: create"),
    "group.delete": _("Group: delete"),
    "group.rename": _("Group: rename"),
    "group.take": _("Group: take"),
    "invitation.accept": _("Invitation: accept"),
    "invitation.create": _("Invitation: create"),
    "invitation.revoke": _("Invitation: revoke"),
    "isolation.check": _("Isolation: check"),
    "plan.downgrade": _("Plan: downgrade"),
    "plan.kept": _("Plan: kept"),
    "plan.upgrade": _("Plan: upgrade"),
    "policy.sign_in": _("Policy: sign in"),
    "posture.approved": _("Posture: approved"),
    "posture.asked": _("Posture: asked"),
    "posture.refused": _("Posture: refused"),
    "posture.withdrawn": _("Posture: withdrawn"),
    "program.create": _("Program: create"),
    "program.delete": _("Program: delete"),
    "safety.changed": _("Safety: changed"),
    "safety.restored": _("Safety: restored"),
    "session.end": _("Session: end"),
    "session.revoke": _("Session: revoke"),
    "session.start": _("Session: start"),
    "sso.join": _("Single sign-on: join"),
    "sso.link": _("Single sign-on: link"),
    "sso.logout": _("Single sign-on: logout"),
    "sso.refresh": _("Single sign-on: refresh"),
    "sso.refuse": _("Single sign-on: refuse"),
    "sso.remove": _("Single sign-on: remove"),
    "sso.set": _("Single sign-on: set"),
    "sso.state": _("Single sign-on: state"),
    "sso.test": _("Single sign-on: test"),
    "sso.unlink": _("Single sign-on: unlink"),
    "attachment.upload": _("Attachment: upload"),
    "attachment.keep": _("Attachment: keep"),
    "attachment.delete": _("Attachment: delete"),
    "document.release": _("Document: release"),
    "document.quarantine_delete": _("Document: quarantine delete"),
    "staff.add": _("Staff: add"),
    "staff.change": _("Staff: change"),
    "staff.enter": _("Staff: enter"),
    "staff.leave": _("Staff: leave"),
    "staff.visit": _("Staff: visit"),
    "workspace.visit": _("Workspace: visit"),
    "workspace.visit_stop": _("Workspace: visit stop"),
    "text.delete": _("Text: delete"),
    "trust.document": _("Trust: document"),
    "user.confirm": _("User: confirm"),
    "user.create": _("User: create"),
    "user.disable": _("User: disable"),
    "user.enable": _("User: enable"),
    "user.password": _("User: password"),
    "user.role": _("User: role"),
    "webhook.change": _("Webhook: change"),
    "webhook.create": _("Webhook: create"),
    "webhook.delete": _("Webhook: delete"),
    "webhook.disable": _("Webhook: disable"),
    "webhook.replay": _("Webhook: replay"),
    "webhook.rotate": _("Webhook: rotate"),
    "webhook.test": _("Webhook: test"),
    "workspace.move": _("Workspace: move"),
    "workspace.offboard": _("Workspace: offboard"),
    "workspace.plan": _("Workspace: plan"),
    "workspace.provision": _("Workspace: provision"),
    "workspace.resume": _("Workspace: resume"),
    "workspace.stay": _("Workspace: stay"),
    "workspace.suspend": _("Workspace: suspend"),
    "workspace.leaving": _("Workspace: leaving"),
    "workspace.region": _("Workspace: move to another Region asked for"),
    "workspace.region_back": _("Workspace: move to another Region to be given up"),
    "workspace.region_kept": _("Workspace: move to another Region given up"),
    "workspace.region_moved": _("Workspace: moved to another Region"),
    "workspace.relocated": _("Workspace: relocated"),
    "workspace.relocation": _("Workspace: relocation"),
    "workspace.restored": _("Workspace: restored"),
    "workspace.setup_again": _("Workspace: setup again"),
    "workspace.staying": _("Workspace: staying"),
    "workspace.transfer": _("Workspace: transfer"),
}


# What a deed was done to, and how whoever did it came in.
OBJECTS: Final[Mapping[str, "StrOrPromise"]] = {
    "alerts": _("Alerts"),
    "api_key": _("API key"),
    "assistant_settings": _("Assistant's settings"),
    "audit": _("Audit log"),
    "billing_account": _("Billing account"),
    "collection": _("Collection"),
    "conversation": _("Conversation"),
    "credit": _("Credit"),
    "data_export": _("Archive"),
    "data_policy": _("Data policy"),
    "document": _("Document"),
    "domain": _("Domain"),
    "factor": _("Second factor"),
    "group": _("Group"),
    "invitation": _("Invitation"),
    "invoice": _("Invoice"),
    "isolation_check": _("Isolation self-test"),
    "plan": _("Plan"),
    "policy": _("Sign-in policy"),
    "posture_request": _("Posture request"),
    "provider": _("Identity provider"),
    "reconciliation": _("Reconciliation"),
    "retention_report": _("Retention report"),
    "safety_rules": _("Safety rules"),
    "session": _("Session"),
    "task": _("Task"),
    "text": _("Text"),
    "trust": _("Trust page"),
    "user": _("Person"),
    "webhook": _("Webhook"),
    "workspace": _("Workspace"),
}
WAYS: Final[Mapping[str, "StrOrPromise"]] = {
    "session": _("in the browser"),
    "api_key": _("by API key"),
    "task": _("automatically"),
}


def object_told(kind: str) -> str:
    """Return what kind of thing a deed was done to, in words; one that is not listed as it is."""
    return str(OBJECTS.get(kind, kind.replace("_", " ").capitalize())) or "—"


def way_told(kind: str) -> str:
    """Return how somebody came in, in words."""
    return str(WAYS.get(kind, kind))


def deed_told(action: str) -> str:
    """Return a deed's name in words: `document.unmask` is "Document: unmask".

    One that is not listed is told by its English words.
    """
    if action in DEEDS:
        return str(DEEDS[action])
    what, _dot, deed = action.partition(".")
    what = what.replace("_", " ").capitalize().replace("Api", "API")
    return f"{what}: {deed.replace('_', ' ')}" if deed else what
