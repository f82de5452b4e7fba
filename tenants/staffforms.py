"""Staff's forms: what adds a row adds it once, and no save undoes what was saved meanwhile.

A second click, a browser that sends again over a new line and the back button lead to where the
first did: the site claims each form's key (`config/staffsite.py`). A form that was filled in from
what holds no more is refused with what holds now, and keeps what was typed (`tenants/seen.py`):
staff of two minds, or a workspace's owner, whose address for invoices stands beside the tax that is
staff's.
"""

import json
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin as UnfoldAdmin  # noqa: TID251 - the one that others extend

from tenants.seen import FIELD, seen_of

CHANGED = "This was changed after you had opened the page. Save again to put yours in its place."


class JsonField(forms.JSONField):
    """JSON that can be kept: no number of thousands of digits, no NUL, no half character."""

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
            told = json.dumps(found, ensure_ascii=False)
            told.encode()
        except (ValueError, RecursionError) as error:
            raise self._refused(value) from error
        if "\\u0000" in told:
            raise self._refused(value)
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            self.to_python(data)
        except ValidationError:
            return InvalidJSONInput(data)  # shown again as it was typed
        return super().bound_data(data, initial)

    def _refused(self, value: Any) -> ValidationError:
        return ValidationError(self.error_messages["invalid"], "invalid", {"value": value})


class ModelAdmin(UnfoldAdmin):
    """The base of every list of staff's: its forms are carried out once, upon what was seen."""

    change_form_before_template = "staff/form_keys.html"
    # What figures are at least and at most; else a constraint of the database refuses, by its name.
    ranges: ClassVar[dict[str, tuple[Decimal, Decimal | None]]] = {}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **given: Any) -> Any:
        if db_field.name in self.ranges:
            least, most = self.ranges[db_field.name]
            given |= {"min_value": least, "max_value": most}
        if isinstance(db_field, models.JSONField):
            given.setdefault("form_class", JsonField)
        return super().formfield_for_dbfield(db_field, request, **given)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row; where it is saved, as it holds until that has ended."""
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST" or not connection.in_atomic_block:
            return found
        if not self.has_change_permission(request, found):
            return found
        self.model._default_manager.select_for_update().filter(pk=found.pk).values("pk").first()
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            _note(request, self._standing(request, found))
        return found

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **given: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **given)
        sent = request.POST.get(FIELD, "")
        return _refusing(form) if change and sent not in ("", _noted(request, sent)) else form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *given: Any, **named: Any
    ) -> HttpResponse:
        """Tell the form what it is filled in from; one that was refused is no success."""
        original = context.get("original")
        if original is not None:
            context[FIELD] = _noted(request) or self._standing(request, original)
        answer: HttpResponse = super().render_change_form(request, context, *given, **named)
        if request.method == "POST":
            answer.status_code = 422
        return answer

    def _standing(self, request: HttpRequest, row: Any) -> str:
        """Return what stands for all that the form shows of the row and of those inside it."""
        form = self.get_form(request, row, change=True)(instance=row)
        inside = [
            [(each.instance.pk, each.initial) for each in formset.initial_forms]
            for formset in (
                inline.get_formset(request, row)(
                    instance=row, queryset=inline.get_queryset(request)
                )
                for inline in self.get_inline_instances(request, row)
            )
        ]
        return seen_of(form.initial, inside)


def _note(request: HttpRequest, standing: str) -> None:
    request.standing = standing  # type: ignore[attr-defined]


def _noted(request: HttpRequest, default: str = "") -> str:
    return getattr(request, "standing", default)


def _refusing(form: type[forms.ModelForm]) -> type[forms.ModelForm]:
    """Return the form as it refuses what was filled in from what holds no more."""

    class Refusing(form):  # type: ignore[valid-type, misc]
        def clean(self) -> Any:
            cleaned = super().clean()
            now = [_told(self, name) for name in self.changed_data]
            self.add_error(None, [CHANGED, *([f"Now it holds {'; '.join(now)}."] if now else [])])
            return cleaned

    return Refusing


def _told(form: forms.ModelForm, name: str) -> str:
    """Return a field's name with what it holds by now."""
    field = form.fields[name]
    value: Any = field.prepare_value(form.get_initial_for_field(field, name))
    if isinstance(field, forms.ChoiceField) and not isinstance(value, list):
        choices: Any = field.choices
        value = dict(choices).get(value, value)
    return f"{field.label}: {'-' if value in (None, '') else value}"
