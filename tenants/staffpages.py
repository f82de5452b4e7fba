"""Bases of staff's pages whose rows are not made by hand."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from tenants.registry.models import Tenant
from tenants.staffforms import ModelAdmin

_named: dict[str, Callable[[str], str]] = {}


def codes_named(field: str, name: Callable[[str], str]) -> None:
    """Let staff's lists and filters show a field's codes as people call them; apps add theirs."""
    _named[field] = name


@cache
def _column(field: str) -> Callable[[Any], SafeString | str | None]:
    """Return the column that shows a field's code by its name; the same one each time.

    The code itself, which exports and addresses have, shows where one points at the name.
    """

    @admin.display(description=field.replace("_", " "), ordering=field)
    def column(row: Any) -> SafeString | str | None:
        code = getattr(row, field)
        if not code:
            return None
        name = _named[field](code)
        return name if name == code else format_html('<span title="{}">{}</span>', code, name)

    column.__name__ = field
    return column


class CodeFilter(admin.AllValuesFieldListFilter):
    """A filter by the codes that there are, each by its name."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for number, each in enumerate(super().choices(changelist)):
            if number and each["display"] != self.empty_value_display:
                each["display"] = _named[str(self.field_path)](str(each["display"]))
            yield each


class Coded(ModelAdmin):
    """Shows codes by their names: columns and filters of `codes_named`."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        shown = super().get_list_display(request)
        return [_column(each) if self._is_code(each) else each for each in shown]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        shown = super().get_list_filter(request)
        return [(each, CodeFilter) if self._is_code(each) else each for each in shown]

    def _is_code(self, name: object) -> bool:
        if not isinstance(name, str) or name not in _named:
            return False
        try:
            field = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        return not field.is_relation


class Found(ChangeList):
    """Tells how many rows were found of a search or a filter alone: else all of them are shown."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


class Acting(Coded):
    """Actions for who may `act`: `@admin.action(permissions=["act"])`, as `staffroles.py` says."""

    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Found

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "act")

    def may(self, request: HttpRequest, verb: str) -> bool:
        """Return whether the role of who asks has the verb on this list."""
        right = f"{self.opts.app_label}.{verb}_{self.opts.model_name}"
        return bool(request.user.has_perm(right))


class FixedRows(Acting):
    """Rows that stand: some of their fields are edited, none is added or removed by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


LABELS: Final = {
    "api_key_id": "API key id",
    "arn": "ARN",
    "aws_request_id": "AWS request id",
    "profile_arn": "Profile ARN",
    "tenant_id": "Workspace's id",
    "usd_per_hour": "USD per hour",
}


class Naming(Coded):
    """Names the workspace where a row says `tenant_id`; one that has left keeps its id."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the name above the id, of a row that there is."""
        shown = [each for each in super().get_fields(request, obj) if each != "workspace"]
        if obj is None or "tenant_id" not in shown:
            return super().get_fields(request, obj)
        place = shown.index("tenant_id")
        return [*shown[:place], "workspace", *shown[place:]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        given = list(super().get_readonly_fields(request, obj))
        return [*given, "workspace"] if obj and hasattr(obj, "workspace_name") else given

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **given: Any
    ) -> Any:
        return super().get_form(request, obj, change, **{"labels": LABELS, **given})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        try:
            rows.model._meta.get_field("tenant_id")
        except FieldDoesNotExist:
            return rows
        named = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")[:1]
        found: QuerySet[Any] = rows.annotate(workspace_name=Subquery(named))
        return found

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        shown = super().get_list_display(request)
        return ["workspace" if column == "tenant_id" else column for column in shown]

    @admin.display(description="Workspace", ordering="tenant_id")
    def workspace(self, row: Any) -> str:
        return str(row.workspace_name or row.tenant_id or "-")


class ReadOnly(Naming, FixedRows):
    """What was made or what happened: nothing here is changed by hand."""

    show_full_result_count = False  # counting a whole ledger takes longer than reading a page

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PageViews(ModelAdmin):
    """Pages beside the list: `views` holds path and name of a method.

    Each needs the right to see the model, and stands before the routes of single rows.
    """

    views: ClassVar[dict[str, str]] = {}

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(route, self.admin_site.admin_view(self._seen(method)), name=f"{name}_{method}")
            for route, method in self.views.items()
        ]
        return [*own, *super().get_urls()]

    def _seen(self, method: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            self.require_view(request)
            answer: HttpResponse = getattr(self, method)(request, **kwargs)
            return answer

        return view

    def require_view(self, request: HttpRequest) -> None:
        """Raise PermissionDenied for who may not see the model."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def shown(
        self, request: HttpRequest, template: str, *, title: str, **context: Any
    ) -> HttpResponse:
        """Render a page in the admin's frame; a form that is shown again was refused."""
        return TemplateResponse(
            request,
            template,
            {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context},
            status=422 if request.method == "POST" else 200,
        )


class StaffPage(PageViews, ReadOnly):
    """A page of its own in place of the list."""

    def page(self, request: HttpRequest) -> HttpResponse:
        """Answer the page itself."""
        raise NotImplementedError

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.require_view(request)
        return self.page(request)
