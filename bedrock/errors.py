"""What can go wrong between the product and a model; lower errors never pass the gateway."""

from typing import Any

from django.utils.translation import gettext_lazy as _

import tenants.errors
from tenants.errors import TenantryError


class ModelError(TenantryError):
    """The root of this app's branch."""


class ModelUnavailable(ModelError):
    """The model service, or its guardrail, did not answer; nothing was shown."""

    code = "model_unavailable"
    status = 503
    retryable = True
    title = _("The model is not answering just now; try again in a moment")


class GuardrailUnavailable(ModelUnavailable):
    """The guardrail did not answer in time; what it was to check is not sent and not shown."""

    code = "guardrail_unavailable"
    title = _(
        "The safety check is not answering just now, so nothing was sent; try again in a moment"
    )


class ModelThrottled(ModelError):
    """The model service is out of capacity for us; the tenant's own limits were not reached."""

    code = "model_busy"
    status = 503
    retryable = True
    title = _("The model is busy just now; try again in a moment")


class ModelRefused(ModelError):
    """The service refused the request as it stands; sending it again would not help."""

    code = "model_refused"
    status = 422
    title = _("The model cannot take this request; shorten the text or choose fewer documents")


class InputTooLong(ModelError):
    """More text than the model, or the operation, can read. Text is never cut in silence."""

    code = "input_too_long"
    status = 422
    title = _("This is more text than the model can read; shorten it or choose fewer documents")


class PictureNotMasked(ModelError):
    """The posture masks personal data, which nothing does in a picture; it is not sent."""

    code = "picture_not_masked"
    status = 422
    title = _(
        "Your workspace masks personal data, which cannot be done in a picture, so no model is"
        " shown one; attach its text, or ask an admin about the posture"
    )


class PicturesUnseen(ModelError):
    """No model that serves the workspace sees pictures, or its guardrail does not look at them."""

    code = "pictures_unseen"
    status = 422
    title = _(
        "No model of your workspace's plan sees pictures just now; attach the text instead, or ask"
        " an admin of your workspace"
    )


class ModelStreamInterrupted(ModelError):
    """The stream broke after it had begun; `partial_text` is what was received until then."""

    code = "stream_interrupted"
    status = 503
    retryable = True
    title = _("The answer broke off; what had arrived is kept")

    def __init__(self, partial_text: str = "", detail: str | None = None, **extra: Any) -> None:
        self.partial_text = partial_text
        super().__init__(detail, **extra)


class NotProvisioned(ModelError):
    """The Region lacks a guardrail or profile that every call must carry; the call is not sent."""

    code = "model_not_set_up"
    status = 503
    title = _("The model service of your workspace is not set up yet; tell support")


class OutsideRegion(ModelError, tenants.errors.OutsideRegion):
    """What a row or route names lies outside the tenant's Region; no call was made of it."""

    code = tenants.errors.OutsideRegion.code
    status = tenants.errors.OutsideRegion.status
    title = tenants.errors.OutsideRegion.title


class ChoiceNotInPlan(ModelError):
    """The thorough model was asked for where the plan leaves no choice; nothing was sent."""

    code = "choice_not_in_plan"
    status = 403
    title = _(
        "Your plan does not include the choice of the thorough model; leave it out or upgrade"
    )


class ProfileQuotaReached(ModelError):
    """The account has as many inference profiles in the Region as AWS allows."""

    code = "profile_quota_reached"
    status = 503
    title = _(
        "The account has no inference profile left in this Region; ask AWS for a higher quota, or"
        " let the plan share its profiles"
    )


class EmbeddingModelChanged(ModelError):
    """Another embedding model serves by now: vectors of two models cannot be compared."""

    code = "embedding_model_changed"
    status = 503
    retryable = True
    title = _("The model behind search has just been changed; try again in a moment")


class RulesWrong(ModelError):
    """A workspace's own safety rules cannot be as they were given."""

    code = "rules_wrong"
    status = 422
    title = _("These rules cannot be set")


class RulesChanged(ModelError):
    """Somebody else changed the posture or the rules since they were looked at."""

    code = "rules_changed"
    status = 409
    title = _("This was changed meanwhile; look at it again, then change it")


class PostureNeedsApproval(ModelError):
    """A looser posture than this role may choose on this plan; nothing was changed."""

    code = "posture_needs_approval"
    status = 403
    title = _("This posture is looser than you may choose")


class SettingsWrong(ModelError):
    """The assistant's settings cannot be as they were given."""

    code = "settings_wrong"
    status = 422
    title = _("These settings cannot be set")


class FeatureOff(ModelError):
    """The workspace's admins have switched the feature off; nothing was sent."""

    code = "feature_off"
    status = 403
    title = _("This feature is switched off in your workspace")


class FrontierOff(ModelError):
    """The thorough model was asked for where the workspace's admins do not allow it."""

    code = "frontier_off"
    status = 403
    title = _("Your workspace's admins do not allow the thorough model; leave it out")


class TopicsNotIncluded(ModelError):
    """Denied topics need a guardrail of one's own, which the plan does not have."""

    code = "topics_not_included"
    status = 403
    title = _("Denied topics are not part of your plan; blocked words and thresholds are")


class GuardrailPoolEmpty(ModelError):
    """The Region's guardrails are all taken: the service allows an account only so many."""

    code = "guardrail_pool_empty"
    status = 409
    title = _(
        "All guardrails of your Region are taken just now, so no topic can be denied; tell support"
    )


class KnowledgePoolEmpty(ModelError):
    """No Knowledge Base is left to give in the Region; nothing was made."""

    code = "knowledge_pool_empty"
    status = 409
    title = _("Every Knowledge Base of this Region is taken; choose another retrieval target")


class KnowledgeBusy(ModelError):
    """The places at a Knowledge Base are taken: a change is sent later, a search is tried again."""

    code = "knowledge_busy"
    status = 503
    retryable = True
    title = _("The search index is busy just now; try again in a moment")


class TextBlocked(ModelError):
    """The guardrail refused a text that was to be masked, so it was neither masked nor sent."""

    code = "content_blocked"
    status = 422
    title = _("This text goes against your workspace's content rules; rephrase it")


class MaskUnproven(ModelError):
    """What the guardrail masked could not be found in the original text: nothing of it was sent."""

    code = "mask_unproven"
    status = 502
    title = _(
        "Personal data in this text could not be masked reliably, so it was not used. "
        "Save it again as plain text and try that, or tell support"
    )
