"""Forms for signing in, to a workspace and to the staff admin."""

from typing import Any

from django import forms
from unfold.forms import AuthenticationForm

from tenants.accounts.limits import SIGN_IN, attempt_count, attempt_forgive


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
