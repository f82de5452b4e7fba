"""The public host's forms: signing up, and finding one's workspace."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from tenants.accounts.forms import NameField
from tenants.accounts.models import User
from tenants.errors import Invalid
from tenants.lifecycle.naming import slug_verdict
from tenants.lifecycle.renaming import plain_name
from tenants.registry.regions import region_choices


class SignUpForm(forms.Form):
    """A workspace with its first owner."""

    name = NameField(max_length=120)
    slug = forms.CharField(max_length=60)
    email = forms.EmailField(max_length=254)
    password = forms.CharField(max_length=200, strip=False, widget=forms.PasswordInput)
    region = forms.ChoiceField(choices=region_choices)

    def clean_name(self) -> str:
        try:
            return plain_name(str(self.cleaned_data["name"]))
        except Invalid as error:
            raise ValidationError(error.detail) from error

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"].strip().lower()
        verdict = slug_verdict(slug)
        if verdict.state != "free":
            raise ValidationError(verdict.message)
        return slug

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if password := cleaned.get("password"):
            person = User(email=cleaned.get("email", ""), name=cleaned.get("name", ""))
            try:
                validate_password(password, person)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


class FindForm(forms.Form):
    """An address whose workspaces are mailed to it."""

    email = forms.EmailField(max_length=254)
