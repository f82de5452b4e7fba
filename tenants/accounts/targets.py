"""Where a user was headed, or is: an address of this host and no other."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def next_of(request: HttpRequest) -> str:
    """Return `next` of the form or the address; the front page where it leads elsewhere."""
    return _safe(request, request.POST.get("next") or request.GET.get("next") or "/")


def here_of(request: HttpRequest) -> str:
    """Return the address that shows this page again.

    The answer to a form often stands where no page is: then it is the page that held the form, or
    the front page where that was such an answer itself.
    """
    if request.method == "GET":
        return request.get_full_path()
    came = _safe(request, request.headers.get("Referer", "/"))
    return came if urlsplit(came).path != request.path else "/"


def back_of(request: HttpRequest) -> str:
    """Return where whoever has to sign in first goes on: this page, or the one of the form sent."""
    if request.method != "POST":
        return request.get_full_path()
    return _safe(request, request.headers.get("Referer", request.path))


def _safe(request: HttpRequest, target: str) -> str:
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return target if safe else "/"
