"""Pages of the provider that `openid` serves, and what a test may make it do wrong."""

from __future__ import annotations

import json
import time
from typing import Any

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.html import escape
from jwcrypto import jwk, jwt
from oauth2_provider.models import get_application_model
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.settings import oauth2_settings

planted: dict[str, Any] = {}


class Validator(OAuth2Validator):
    """django-oauth-toolkit's, with the faults that are planted."""

    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        email = request.user.username
        return {"sub": f"sub-{request.user.pk}", "email": email, "name": email.split("@")[0],
                "sid": f"sid-{request.user.pk}"}  # fmt: skip

    def get_id_token_dictionary(self, token: Any, handler: Any, request: Any) -> Any:
        claims, ends = super().get_id_token_dictionary(token, handler, request)
        claims |= planted.get("claims", {})
        for name, seconds in planted.get("times", {}).items():
            claims[name] = int(time.time()) + seconds
        return {name: value for name, value in claims.items() if value is not None}, ends

    def finalize_id_token(self, claims: Any, token: Any, handler: Any, request: Any) -> str:
        given = super().finalize_id_token(claims, token, handler, request)
        if "sign" not in planted:
            return str(given)
        made = jwt.JWT(header=json.dumps({"kid": request.client.jwk_key.thumbprint()}
                                         | planted["sign"]["header"]),
                       claims=json.dumps(claims, default=str))  # fmt: skip
        made.make_signed_token(jwk.JWK.from_json(json.dumps(planted["sign"]["key"])))
        return str(made.serialize())


def plant(request: HttpRequest) -> HttpResponse:
    """Do wrong, or right again."""
    faults = json.loads(request.body)
    if "key" in faults:
        oauth2_settings.OIDC_RSA_PRIVATE_KEY = faults.pop("key")
    planted.clear()
    planted.update(faults)
    return HttpResponse()


def clients(request: HttpRequest) -> HttpResponse:
    """Register an application."""
    told = json.loads(request.body)
    get_application_model().objects.update_or_create(
        client_id=told["client_id"],
        defaults={
            "client_secret": told["secret"], "redirect_uris": told["redirect_uri"],
            "client_type": "confidential", "authorization_grant_type": "authorization-code",
            "algorithm": "RS256", "skip_authorization": True,
        },
    )  # fmt: skip
    return HttpResponse()


def enter(request: HttpRequest) -> HttpResponse:
    """Sign in with nothing but an address."""
    if request.method != "POST":
        target = escape(request.get_full_path())
        return HttpResponse(
            f"<title>Provider</title><form method=post action='{target}'>"
            "<input name=email aria-label=Email><button>Sign in</button></form>"
        )
    user, _ = get_user_model().objects.get_or_create(username=request.POST["email"])
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    response = HttpResponse(status=302)
    response["Location"] = request.GET.get("next", "/")
    return response


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("plant/", plant),
    path("clients/", clients),
    path("enter/", enter),
]
