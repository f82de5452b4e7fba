"""Forms for signing in and for a new password."""

from django import forms


class SignInForm(forms.Form):
    """E-mail and password; which of the two was wrong is never said."""

    email = forms.EmailField(max_length=254)
    password = forms.CharField(max_length=200, strip=False, widget=forms.PasswordInput)
