"""The public host's forms: signing up, and finding one's workspace."""

import re
from typing import Any, Final

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenants.accounts.forms import NameField
from tenants.accounts.models import User
from tenants.lifecycle.naming import slug_verdict
from tenants.registry.regions import region_choices

# A name stands in mails and titles: one that is an address could send their readers there.
ADDRESS_LIKE: Final = re.compile(r"://|www\.|[\x00-\x1f\x7f]", re.I)


class SignUpForm(forms.Form):
    """A workspace with its first owner."""

    name = NameField(max_length=120)
    slug = forms.CharField(max_length=60)
    email = forms.EmailField(max_length=254)
    password = forms.CharField(max_length=200, strip=False, widget=forms.PasswordInput)
    region = forms.ChoiceField(choices=region_choices)

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if ADDRESS_LIKE.search(name):
            raise ValidationError(_("Give the workspace a plain name, without a link."))
        return name

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
