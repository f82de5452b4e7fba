"""The language that somebody reads: their own choice, or what their browser asks for."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from tenants.accounts.models import User

GetResponse = Callable[[HttpRequest], HttpResponse]
IN_WORDS = ("text/html", "application/problem+json")
ENGLISH_ALONE = ("/admin/", "/design/")  # staff's pages, and the page of components


def language_accepted(header: str) -> str:
    """Return the language of ours that an Accept-Language header likes best, else the default."""
    for code, _ in parse_accept_lang_header(header):
        if code == "*":
            break
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def language_of(user: object, otherwise: str = settings.LANGUAGE_CODE) -> str:
    """Return the language that a user has chosen, else `otherwise`."""
    chosen = user.language if isinstance(user, User) else ""
    return chosen if chosen in dict(settings.LANGUAGES) else otherwise


class LanguageMiddleware:
    """Answer in the language that the request asks for, and say in which.

    Outside the tenant, so that pages about a wrong host are translated too.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = language_accepted(request.headers.get("Accept-Language", ""))
        if request.path_info.startswith(ENGLISH_ALONE):
            asked = settings.LANGUAGE_CODE
        with translation.override(asked):
            response = self.get_response(request)
            if response.headers.get("Content-Type", "").startswith(IN_WORDS):
                response.headers.setdefault("Content-Language", translation.get_language() or asked)
                patch_vary_headers(response, ["Accept-Language"])
        return response


class UserLanguageMiddleware:
    """Answer a workspace's user in the language of their own choice, where they made one."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if getattr(request, "tenant", None) is not None:
            # Undone by LanguageMiddleware, within which this runs.
            translation.activate(language_of(request.user, translation.get_language() or ""))
        return self.get_response(request)
