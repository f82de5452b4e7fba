"""The receipt of an erased workspace, on the public host: its owners have nowhere to sign in to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenants.errors import NotFound
from tenants.lifecycle.offboarding import offboarding_told


@never_cache
@require_GET
def receipt_page(request: HttpRequest, offboarding_id: UUID) -> HttpResponse:
    """Show what was erased where and what is kept and why; before that, when it will be."""
    told = offboarding_told(offboarding_id)
    receipt = told.receipt or {}
    context = {
        "told": told,
        "receipt": receipt,
        "erased": [
            {**line, "until": _moment(line.get("expires_by"))} for line in receipt.get("erased", [])
        ],
        "finished_at": _moment(receipt.get("finished_at")),
        "raw_log": _moment(receipt.get("last_raw_log_expires_by")),
    }
    return render(request, "public/receipt.html", context)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@never_cache
@require_GET
def receipt_file(request: HttpRequest, offboarding_id: UUID) -> HttpResponse:
    """Answer the signed receipt as a file. Raises NotFound while there is none."""
    told = offboarding_told(offboarding_id)
    if told.receipt is None:
        raise NotFound
    signed = {"receipt": told.receipt, "signature": told.signature}
    answer = JsonResponse(signed, json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="erased-{told.slug}.json"'
    return answer
