"""What the deeds of the audit say was done; the codes are what is stored, exported and filtered."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

DEEDS: Final[Mapping[str, "StrOrPromise"]] = {
    "alerts.set": _("Changed the usage alerts"),
    "allowance.set": _("Set somebody's allowance"),
    "api_key.create": _("Created an API key"),
    "api_key.revoke": _("Revoked an API key"),
    "assistant.changed": _("Changed the assistant's settings"),
    "assistant.restored": _("Brought earlier settings of the assistant back"),
    "assistant.delete_document": _("Let the assistant delete a document"),
    "assistant.rename_document": _("Let the assistant rename a document"),
    "assistant.move_document": _("Let the assistant move a document"),
    "assistant.tag_document": _("Let the assistant tag a document"),
    "assistant.save_draft": _("Let the assistant save a draft"),
    "assistant.share_conversation": _("Let the assistant share a conversation"),
    "audit.export": _("Exported the audit log"),
    "billing.addressed": _("Changed the address on invoices"),
    "budget.set": _("Set the budget"),
    "cap.set": _("Set the cap"),
    "collection.create": _("Created a collection"),
    "collection.change": _("Changed a collection"),
    "collection.delete": _("Deleted a collection"),
    "collection.share": _("Shared a collection"),
    "collection.unshare": _("Stopped sharing a collection"),
    "conversation.delete": _("Deleted a conversation"),
    "conversation.share": _("Shared a conversation"),
    "conversation.unshare": _("Stopped sharing a conversation"),
    "credit.grant": _("Granted a credit"),
    "data.export": _("Asked for an archive of all data"),
    "data.export_download": _("Downloaded an archive of all data"),
    "data.hold_lifted": _("Lifted the legal hold"),
    "data.hold_set": _("Set a legal hold"),
    "data.retention": _("Changed how long data is kept"),
    "data.staff_access": _("Changed whether staff may look in"),
    "data.retention_applied": _("Deleted what was past its retention"),
    "domain.add": _("Added a domain"),
    "domain.record_found": _("Found the record of a domain again"),
    "domain.record_gone": _("Missed the record of a domain"),
    "domain.remove": _("Removed a domain"),
    "domain.verify": _("Verified a domain"),
    "document.delete": _("Deleted a document"),
    "document.move": _("Moved a document to another collection"),
    "document.rename": _("Renamed a document"),
    "document.replace": _("Replaced a document with a new version"),
    "document.retry": _("Tried a document again"),
    "document.tag": _("Changed a document's tags"),
    "document.unmask": _("Opened a document without masking"),
    "document.upload": _("Uploaded a document"),
    "factor.add": _("Added a second factor"),
    "factor.codes": _("Made new recovery codes"),
    "factor.remove": _("Removed a second factor"),
    "factor.reset": _("Reset somebody's second factors"),
    "group.add": _("Added somebody to a group"),
    "group.create": _("Created a group"),
    "group.delete": _("Deleted a group"),
    "group.rename": _("Renamed a group"),
    "group.take": _("Took somebody out of a group"),
    "invitation.accept": _("Accepted an invitation"),
    "invitation.create": _("Invited somebody"),
    "invitation.revoke": _("Withdrew an invitation"),
    "isolation.check": _("Ran the isolation self-test"),
    "plan.downgrade": _("Chose a smaller plan from next month"),
    "plan.kept": _("Kept the plan after all"),
    "plan.upgrade": _("Chose a larger plan"),
    "policy.sign_in": _("Changed what signing in asks for"),
    "posture.approved": _("Approved another posture"),
    "posture.asked": _("Asked for another posture"),
    "posture.refused": _("Refused another posture"),
    "posture.withdrawn": _("Withdrew the request for another posture"),
    "program.create": _("Created a service account"),
    "program.delete": _("Deleted a service account"),
    "safety.changed": _("Changed the safety rules"),
    "safety.restored": _("Brought earlier safety rules back"),
    "session.end": _("Signed out"),
    "session.revoke": _("Ended a session"),
    "session.start": _("Signed in"),
    "sso.join": _("Joined by single sign-on"),
    "sso.link": _("Linked an account with the identity provider"),
    "sso.logout": _("Signed out by the identity provider"),
    "sso.refresh": _("Read the identity provider's keys anew"),
    "sso.refuse": _("Refused a sign-in by single sign-on"),
    "sso.remove": _("Removed the identity provider"),
    "sso.set": _("Set the identity provider up"),
    "sso.state": _("Changed whether single sign-on is used"),
    "sso.test": _("Tested single sign-on"),
    "sso.unlink": _("Unlinked an account from the identity provider"),
    "attachment.upload": _("Attached a file to a conversation"),
    "attachment.keep": _("Kept an attached file as a document"),
    "attachment.delete": _("Deleted an attached file"),
    "document.release": _("Released a document from quarantine"),
    "document.quarantine_delete": _("Deleted a document in quarantine"),
    "staff.add": _("Added a member of staff"),
    "staff.change": _("Changed a member of staff"),
    "staff.enter": _("Staff came to look in"),
    "staff.leave": _("Staff left again"),
    "staff.visit": _("Staff announced a visit"),
    "workspace.visit": _("Announced a visit to the workspace"),
    "workspace.visit_stop": _("Ended a visit to the workspace"),
    "text.delete": _("Deleted a text"),
    "trust.document": _("Downloaded the trust page as a document"),
    "user.confirm": _("Confirmed an e-mail address"),
    "user.create": _("Added a member"),
    "user.disable": _("Deactivated a member"),
    "user.enable": _("Let a member in again"),
    "user.name": _("Changed their name"),
    "user.password": _("Changed a password"),
    "user.role": _("Changed a member's role"),
    "webhook.change": _("Changed a webhook"),
    "webhook.create": _("Created a webhook"),
    "webhook.delete": _("Deleted a webhook"),
    "webhook.disable": _("Switched a webhook off"),
    "webhook.replay": _("Sent a webhook's delivery again"),
    "webhook.rotate": _("Made a new secret for a webhook"),
    "webhook.test": _("Tested a webhook"),
    "workspace.move": _("Began to move the search index"),
    "workspace.offboard": _("Began to close the workspace"),
    "workspace.plan": _("Changed the workspace's plan"),
    "workspace.provision": _("Set the workspace up again"),
    "workspace.rename": _("Renamed the workspace"),
    "workspace.resume": _("Resumed the workspace"),
    "workspace.stay": _("Took the closing of the workspace back"),
    "workspace.suspend": _("Suspended the workspace"),
    "workspace.leaving": _("Asked to close the workspace"),
    "workspace.region": _("Asked to move the workspace to another Region"),
    "workspace.region_back": _("Asked to give up a move to another Region"),
    "workspace.region_kept": _("Gave up the move to another Region"),
    "workspace.region_moved": _("Moved the workspace to another Region"),
    "workspace.relocated": _("Moved the search index"),
    "workspace.relocation": _("Asked to move the search index"),
    "workspace.restored": _("Restored the workspace from a backup"),
    "workspace.setup_again": _("Tried the setup again"),
    "workspace.staying": _("Decided to stay after all"),
    "workspace.transfer": _("Handed the workspace on"),
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
    """Return what was done, in words: `document.upload` is "Uploaded a document".

    One that is not listed, of a later version, is told by the words of its code.
    """
    if action in DEEDS:
        return str(DEEDS[action])
    what, _dot, deed = action.partition(".")
    what = what.replace("_", " ").capitalize().replace("Api", "API")
    return f"{what}: {deed.replace('_', ' ')}" if deed else what
