"""Form fields of the staff admin that name a row of another app by what people call it."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants.registry.models import Tenant
from tenants.staffpages import Naming


class WorkspaceField(forms.CharField):
    """A workspace's id, typed as its address or as the id; shown as the address."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **given: Any) -> None:
        super().__init__(
            **{"label": "Workspace", "help_text": "Its address, like acme, or its id.", **given}
        )

    def prepare_value(self, value: Any) -> Any:
        """Return the address of an id that is known; anything else as it is."""
        if not isinstance(value, UUID):
            return value
        return Tenant.objects.filter(id=value).values_list("slug", flat=True).first() or str(value)

    def to_python(self, value: Any) -> Any:
        """Return the id, or None of nothing; raise ValidationError for what no workspace has."""
        typed = value if isinstance(value, UUID) else str(super().to_python(value)).strip().lower()
        if not typed:
            return None
        try:
            named = {"id": UUID(str(typed))}
        except ValueError:
            named = {"slug": typed}  # type: ignore[dict-item]
        known = Tenant.objects.exclude(schema_name="public")
        found = None if "\x00" in str(typed) else known.filter(**named).first()
        if found is None:
            raise ValidationError("No workspace has this address or id.", code="unknown_workspace")
        return found.id


class ByWorkspace(Naming):
    """Asks for `tenant_id` by the workspace's address, and lists it by the workspace's name."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **given: Any) -> Any:
        if db_field.name == "tenant_id":
            return WorkspaceField(required=not db_field.blank)
        return super().formfield_for_dbfield(db_field, request, **given)
