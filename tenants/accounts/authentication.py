"""REST by API key; the browser's session is DRF's own SessionAuthentication, with CSRF check."""

from django.utils.translation import gettext
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants.accounts.keys import api_key_check
from tenants.accounts.models import ApiKey, User


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`; the key must belong to the host's tenant."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        kind, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            return None
        key = api_key_check(secret.strip())
        if key is None:
            raise AuthenticationFailed(gettext("This API key is unknown, expired or revoked."))
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'
