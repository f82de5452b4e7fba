"""What stands on the public host, and what staff may do with each model they see.

No model of a workspace's content is here: staff see numbers, settings and states, never texts.
"""

from typing import Final

# Route of the public host -> who may see it: `anyone`, or `staff`, before whom everybody else is
# sent to sign in, or `browser`, which alone has signed up. The routes that every model has by
# itself are made from MODELS.
PUBLIC: Final[dict[str, str]] = {
    "": "anyone",
    "sign-up/": "anyone",
    "sign-up/address/": "anyone",
    "sign-up/made/": "browser",
    "find/": "anyone",
    "find/sent/": "anyone",
    "design/": "anyone",
    "webhooks/payments/": "anyone",
    "admin/": "staff",
    "admin/(?P<url>.*)$": "staff",
    "admin/^(?P<app_label>registry|auth|accounts|billing|bedrock)/$": "staff",
    "admin/accounts/user/<id>/password/": "staff",
    "admin/autocomplete/": "staff",
    "admin/billing/planversion/import/": "staff",
    "admin/billing/price/import/": "staff",
    "admin/jsi18n/": "staff",
    "admin/login/": "anyone",
    "admin/logout/": "staff",
    "admin/password_change/": "staff",
    "admin/password_change/done/": "staff",
    "admin/r/<path:content_type_id>/<path:object_id>/": "staff",
    "admin/search/": "staff",
}
# Staff model -> the rights of a superuser; what is recorded can be viewed alone.
MODELS: Final[dict[str, str]] = {
    "registry.Tenant": "change view",
    "registry.Domain": "add change delete view",
    "registry.Offboarding": "view",
    "registry.Onboarding": "view",
    "auth.Group": "add change delete view",
    "accounts.User": "add change view",
    "accounts.AuditEvent": "view",
    "billing.Plan": "add change view",
    "billing.PlanVersion": "add change delete view",
    "billing.PlanChange": "view",
    "billing.Invoice": "view",
    "billing.BillingAccount": "add change view",
    "billing.AccountCredit": "add view",
    "billing.PaymentEvent": "view",
    "billing.RegionQuota": "add change delete view",
    "billing.Price": "add change delete view",
    "billing.LedgerLine": "view",
    "billing.AwsCostLine": "view",
    "billing.AwsCostDelivery": "view",
    "billing.Reservation": "view",
    "bedrock.Model": "add change view",
    "bedrock.ModelRoute": "add change delete view",
    "bedrock.Tier": "add change delete view",
    "bedrock.RoutePolicy": "add change delete view",
    "bedrock.ProvisionedModel": "add change view",
    "bedrock.Guardrail": "view",
    "bedrock.GuardrailCheck": "change view",
    "bedrock.Intervention": "view",
    "bedrock.SafetyRules": "view",
    "bedrock.InferenceProfile": "view",
    "bedrock.ProfileCheck": "change view",
    "bedrock.PolicyDecision": "view",
    "bedrock.LoggedCall": "view",
    "bedrock.LogFinding": "view",
    "bedrock.LogObject": "view",
    "bedrock.LogCursor": "view",
    "bedrock.FailedAttempt": "view",
    "bedrock.BatchRule": "add change delete view",
    "bedrock.BatchJob": "view",
    "bedrock.KnowledgePool": "change view",
    "bedrock.KnowledgeBase": "view",
    "bedrock.Reranker": "add change delete view",
}
