"""Settings, Audit log: what was done here, by whom, and whether the record is whole."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tenants.accounts.audit import audit_write
from tenants.accounts.auditlog import (
    AuditFilter,
    actions_seen,
    exported,
    names_of,
    recorded,
)
from tenants.accounts.deeds import deed_told, object_told, way_told
from tenants.accounts.permissions import role_required
from tenants.accounts.sealing import audit_check, audit_seal
from tenants.accounts.selectors import actor_of, members
from tenants.accounts.settingspages import settings_page
from tenants.context import current
from tenants.errors import Invalid
from tenants.streaming import streamed

ROWS: Final = 50
FILTERS: Final = ("actor", "action", "object", "request", "from", "to")
CHECKED: Final = 200  # seals that the page checks, the newest; `verify_audit` checks all
FORMS: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


@role_required("admin")
def audit_page(request: HttpRequest) -> HttpResponse:
    """Show the rows that the filters leave, newest first; POST checks the seals."""
    error, check = "", None
    wanted = AuditFilter()
    try:
        wanted = AuditFilter.of(request.GET)
    except Invalid as refused:
        error = refused.detail
    if request.method == "POST":
        audit_seal()
        check = audit_check(newest=CHECKED)
    rows = wanted.apply()
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(id__lt=int(before))
    events = list(rows[: ROWS + 1])
    more = events[ROWS - 1].id if len(events) > ROWS else None
    return settings_page(
        request,
        "settings/audit.html",
        {
            "events": _told(events[:ROWS]),
            "more": _query(request, before=str(more)) if more else "",
            "later": bool(before),
            "newest": _query(request),
            "filtered": bool(_query(request)),
            "people": members(),
            "actions": [(action, deed_told(action)) for action in actions_seen()],
            "asked": request.GET,
            "error": error,
            "check": check,
            "checked_at_most": CHECKED,
        },
        status=422 if error else 200,
    )


@require_GET
@role_required("admin")
def audit_export(request: HttpRequest) -> Any:
    """Send what the filters leave as CSV or JSON lines; the export is recorded too."""
    wanted = AuditFilter.of(request.GET)
    form = request.GET.get("form", "csv")
    if form not in FORMS:
        raise Invalid(_("form is csv or jsonl."))
    tenant = current()
    filters = {name: request.GET[name] for name in FILTERS if request.GET.get(name)}
    audit_write(actor_of(request), action="audit.export", object_type="audit", filters=filters)
    answer = streamed(request, exported(tenant, wanted, form), FORMS[form])
    answer["Content-Disposition"] = f'attachment; filename="{tenant.slug}-audit.{form}"'
    return answer


def _told(events: list[Any]) -> list[dict[str, Any]]:
    names, records = names_of(events), recorded(events)
    return [
        {
            "event": event,
            "who": names.get(event.actor_id) or (str(event.actor_id) if event.actor_id else ""),
            "way": way_told(event.actor_kind),
            "deed": deed_told(event.action),
            "what": object_told(event.object_type),
            "data": sorted(event.data.items()),
            "decided": event.request_id in records,
        }
        for event in events
    ]


def _query(request: HttpRequest, **more: str) -> str:
    """Return the query string of the filters that are set."""
    return urlencode(
        {**{name: request.GET[name] for name in FILTERS if request.GET.get(name)}, **more}
    )
