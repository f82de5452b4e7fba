"""The staff admin's site: django-unfold's, with its lists in the order in which staff need them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.functional import Promise
from unfold.sites import UnfoldAdminSite

TEXTS_SECONDS: Final = 3600
ORDER: Final = ("registry", "accounts", "billing", "bedrock")


class StaffSite(UnfoldAdminSite):
    """Workspaces come first, and first among them the list of all; the rest by name."""

    index_title: str | Promise = "Overview"

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = list(super().get_app_list(request, app_label))
        for app in found:
            app["models"].sort(key=lambda model: model["object_name"] != "Tenant")
        known = {label: place for place, label in enumerate(ORDER)}
        return sorted(found, key=lambda app: known.get(app["app_label"], len(known)))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Carry a form out once that has a key: whatever a page of staff's asks to be confirmed."""

        from tenants.accounts.idempotency import form_once  # needs the models

        @wraps(view)
        def carried_out(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            form_once(request)
            return view(request, *args, **kwargs)

        found: Callable[..., Any] = super().admin_view(carried_out, cacheable)
        return found

    def i18n_javascript(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Answer with the scripts' texts, to be kept: each list and form waits for them.

        They are the same for everybody, as staff's pages are English alone.
        """
        response: HttpResponse = super().i18n_javascript(request, extra_context)
        patch_cache_control(response, private=True, max_age=TEXTS_SECONDS)
        return response


class StaffUnfold(AppConfig):
    """As django-unfold's own set-up, with this site."""

    name = "unfold"

    def ready(self) -> None:
        admin.site = sites.site = StaffSite()
