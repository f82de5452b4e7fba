"""What each role of the operator's staff sees and may do in the admin: one table.

Every list, page, export and action of the admin asks `user.has_perm("app.verb_model")`; this
module answers, and nothing else does: rights given to single users or groups count for nothing.
Administrators may do everything. A list that has no row here is theirs alone.

Verbs: `view`, `add`, `change`, `delete` as Django has them; `act` runs a list's actions; a
workspace has verbs of its own (`suspend`, `plan`, `move`, `region`, `provision`, `offboard`,
`visit`).
"""

from typing import Any, Final

from django.contrib.auth.backends import ModelBackend

from tenants.accounts.models import StaffRole

COLUMNS: Final = (StaffRole.SUPPORT, StaffRole.FINANCE, StaffRole.SECURITY)
TOLD: Final = {
    StaffRole.SUPPORT: "Helps workspaces that have trouble: sees states, errors and what was"
    " booked, tries set-ups and moves again. No prices, no money, no safety rules.",
    StaffRole.FINANCE: "Keeps plans, prices, invoices, credits and the reconciliation. Sees no"
    " errors, no safety, no colleagues.",
    StaffRole.SECURITY: "Decides on postures, watches guardrails and what they did, suspends a"
    " workspace, moves it to another Region, reads what staff did. No money.",
    StaffRole.ADMINISTRATOR: "Everything, with colleagues and their roles.",
}

TABLE: Final[dict[str, tuple[str, str, str]]] = {
    #                                  support                      finance                   security
    "registry.Tenant":                ("view move provision visit", "view plan",              "view suspend region visit"),
    "registry.Domain":                ("view",                      "",                       "view"),
    "registry.Onboarding":            ("view act",                  "",                       ""),
    "registry.Offboarding":           ("view",                      "view",                   "view"),
    "registry.Relocation":            ("view",                      "",                       ""),
    "registry.RegionMove":            ("view",                      "",                       "view"),
    "registry.QuarantinedDocument":   ("view",                      "",                       "view act"),
    "registry.Impersonation":         ("view act",                  "",                       "view act"),
    "registry.DeadTask":              ("view act",                  "",                       "view"),
    "accounts.User":                  ("",                          "",                       "view"),
    "accounts.AuditEvent":            ("",                          "",                       "view"),
    "billing.Plan":                   ("view",                      "view add change",        ""),
    "billing.PlanLimit":              ("view",                      "view add change delete", ""),
    "billing.PlanVersion":            ("",                          "view add change delete", ""),
    "billing.PlanChange":             ("view",                      "view",                   ""),
    "billing.Price":                  ("",                          "view add change delete", ""),
    "billing.RegionQuota":            ("view",                      "view",                   ""),
    "billing.Invoice":                ("view",                      "view act",               ""),
    "billing.InvoiceLine":            ("view",                      "view",                   ""),
    "billing.BillingAccount":         ("",                          "view add change",        ""),
    "billing.AccountCredit":          ("",                          "view add",               ""),
    "billing.PaymentEvent":           ("",                          "view",                   ""),
    "billing.LedgerLine":             ("view",                      "view",                   ""),
    "billing.Reservation":            ("view",                      "view",                   ""),
    "billing.AwsCostLine":            ("",                          "view",                   ""),
    "billing.AwsCostDelivery":        ("",                          "view",                   ""),
    "billing.MarginLine":             ("",                          "view",                   ""),
    "billing.CreditGrant":            ("",                          "view add change delete", ""),
    "billing.ReconciliationLine":     ("",                          "view",                   ""),
    "billing.ReconciliationDecision": ("",                          "view add",               ""),
    "billing.ReconciliationPolicy":   ("",                          "view change",            ""),
    "bedrock.Model":                  ("view",                      "view",                   "view"),
    "bedrock.ModelRoute":             ("view",                      "",                       "view"),
    "bedrock.Tier":                   ("view",                      "view",                   "view"),
    "bedrock.RoutePolicy":            ("view",                      "",                       ""),
    "bedrock.ProvisionedModel":       ("view",                      "view",                   ""),
    "bedrock.Guardrail":              ("",                          "",                       "view"),
    "bedrock.GuardrailCheck":         ("",                          "",                       "view change"),
    "bedrock.Intervention":           ("",                          "",                       "view"),
    "bedrock.SafetyRules":            ("",                          "",                       "view"),
    "bedrock.PostureRequest":         ("",                          "",                       "view act"),
    "bedrock.InferenceProfile":       ("view",                      "",                       ""),
    "bedrock.ProfileCheck":           ("view",                      "",                       ""),
    "bedrock.PolicyDecision":         ("view",                      "",                       "view"),
    "bedrock.LoggedCall":             ("",                          "view",                   "view"),
    "bedrock.LogFinding":             ("",                          "view",                   "view"),
    "bedrock.LogObject":              ("",                          "",                       "view"),
    "bedrock.LogCursor":              ("",                          "",                       "view"),
    "bedrock.FailedAttempt":          ("view",                      "",                       "view"),
    "bedrock.BatchRule":              ("view",                      "",                       ""),
    "bedrock.BatchJob":               ("view",                      "",                       ""),
    "bedrock.KnowledgePool":          ("view",                      "",                       ""),
    "bedrock.KnowledgeBase":          ("view",                      "",                       ""),
    "bedrock.Reranker":               ("view",                      "",                       ""),
}  # fmt: skip


def _rights(column: int) -> frozenset[str]:
    found = set()
    for label, row in TABLE.items():
        app, model = label.lower().split(".")
        found |= {f"{app}.{verb}_{model}" for verb in row[column].split()}
    return frozenset(found)


RIGHTS: Final = {role: _rights(column) for column, role in enumerate(COLUMNS)}


class StaffRoles(ModelBackend):
    """Sign-in by password as Django has it; rights by the table above, of active staff alone.

    Administrators are Django's superusers, whom `has_perm` allows everything.
    """

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or not getattr(user_obj, "is_staff", False) or obj is not None:
            return set()
        return set(RIGHTS.get(user_obj.staff_role, ()))
