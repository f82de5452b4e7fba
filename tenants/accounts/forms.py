"""Forms for signing in, to a workspace and to the staff admin."""

from typing import Any

from django import forms
from unfold.forms import AuthenticationForm

from tenants.accounts.limits import SIGN_IN, attempt_count, attempt_forgive
from tenants.naming import one_line


class NameField(forms.CharField):
    """A name as it is kept: what of it cannot be seen neither fills the field nor its length."""

    def to_python(self, value: Any) -> str:
        return one_line(super().to_python(value) or "")


class SignInForm(forms.Form):
    """E-mail and password; which of the two was wrong is never said."""

    email = forms.EmailField(max_length=254)
    password = forms.CharField(max_length=200, strip=False, widget=forms.PasswordInput)


class StaffSignInForm(AuthenticationForm):
    """The staff admin's form, as slow to guess at as a workspace's."""

    def clean(self) -> dict[str, Any]:
        address = self.cleaned_data.get("username", "")
        attempt_count(SIGN_IN, self.request, address)
        cleaned: dict[str, Any] = super().clean()
        attempt_forgive(SIGN_IN, self.request, address)
        return cleaned
