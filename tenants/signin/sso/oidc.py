"""OpenID Connect: the code flow with PKCE, state and nonce, and every check of an ID token.

Cryptography is joserfc's; requests go out by `outbound.fetch`, which reaches no network of ours.
https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from django.utils.translation import gettext as _
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from tenants.errors import TenantryError
from tenants.outbound import AddressRefused, Answer, Unreachable, fetch, url_check
from tenants.signin.sso.errors import Checks, Claimed, SsoRefused

SKEW: Final = 120  # seconds that the two clocks may differ
FRESH: Final = 300  # seconds since the provider asked its user, where that is demanded
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
    "EdDSA",
)  # fmt: skip
SIGNING: Final = frozenset({"RSA", "EC", "OKP"})  # kinds of keys; a shared secret is none
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
WELL_KNOWN: Final = "/.well-known/openid-configuration"
LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"


def metadata_read(issuer: str) -> dict[str, Any]:
    """Read a provider's description and its keys. Raises SsoRefused, AddressRefused."""
    told = _json(_asked("GET", issuer.rstrip("/") + WELL_KNOWN), "sso_metadata")
    if told.get("issuer") != issuer:
        raise SsoRefused(
            "sso_issuer",
            _("The provider calls itself %(named)s. Give exactly that as the issuer.")
            % {"named": str(told.get("issuer"))[:200]},
        )
    wanted = (*ENDPOINTS, "userinfo_endpoint")
    kept: dict[str, Any] = {name: str(told[name]) for name in wanted if told.get(name)}
    for name in ENDPOINTS:
        if name not in kept:
            raise SsoRefused(
                "sso_metadata",
                _("The provider's description names no %(name)s.") % {"name": name},
            )
        url_check(kept[name])
    methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    kept["secret_in_body"] = "client_secret_basic" not in methods
    return kept | {"keys": keys_read(kept)}


def keys_read(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Read the provider's public signing keys. Raises SsoRefused."""
    told = _json(_asked("GET", metadata["jwks_uri"]), "sso_metadata")
    keys = told.get("keys")
    kept = [
        each
        for each in (keys if isinstance(keys, list) else [])
        if isinstance(each, dict)
        and each.get("kty") in SIGNING
        and each.get("use", "sig") == "sig"
        and "d" not in each
    ]
    if not kept:
        raise SsoRefused("sso_metadata", _("The provider publishes no key that signs."))
    return kept


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def leaving_url(
    metadata: Mapping[str, Any],
    *,
    client_id: str,
    redirect_uri: str,
    kept: Mapping[str, Any],
    state: str,
) -> str:
    """Return where the browser asks the provider who its user is.

    `kept` is the flow's: nonce, verifier, `again` for a fresh proof, `hint` for an address.
    """
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid email profile",
        "state": state,
        "nonce": kept["nonce"],
        "code_challenge": challenge_of(kept["verifier"]),
        "code_challenge_method": "S256",
    }
    if kept.get("hint"):
        asked["login_hint"] = kept["hint"]
    if kept.get("again"):
        asked |= {"prompt": "login", "max_age": "0"}
    address = str(metadata["authorization_endpoint"])
    return address + ("&" if "?" in address else "?") + urlencode(asked)


def code_redeem(
    metadata: Mapping[str, Any],
    *,
    client_id: str,
    secret: str,
    redirect_uri: str,
    code: str,
    verifier: str,
) -> dict[str, Any]:
    """Exchange a code, which works once, for the provider's tokens. Raises SsoRefused."""
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if secret and not metadata.get("secret_in_body"):
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        body["client_id"] = client_id
        if secret:
            body["client_secret"] = secret
    answer = _asked(
        "POST", metadata["token_endpoint"], headers=headers, body=urlencode(body).encode()
    )
    if answer.status == 200:
        return _json(answer, "sso_code")
    try:
        error = str(json.loads(answer.body)["error"])
    except (ValueError, KeyError, TypeError):
        error = ""
    if error == "invalid_client" or answer.status == 401:
        raise SsoRefused(
            "sso_client",
            _(
                "The provider does not know this client or its secret. An admin looks at the client"
                " id and sets a new client secret."
            ),
        )
    raise SsoRefused(
        "sso_code",
        _(
            "The provider refused the code (%(error)s). A code works once and for a short time:"
            " start signing in again."
        )
        % {"error": error[:80] or answer.status},
    )


def token_verify(token: Any, keys: list[dict[str, Any]], checks: Checks) -> dict[str, Any]:
    """Return the claims of a token that one of the keys has signed. Raises SsoRefused."""
    try:
        header = jws.extract_compact(str(token).encode()).headers()
    except (JoseError, ValueError, TypeError) as error:
        raise SsoRefused(
            "sso_token", _("The provider's answer holds no readable ID token.")
        ) from error
    algorithm, kid = str(header.get("alg")), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise SsoRefused(
            "sso_algorithm",
            _(
                "The ID token is signed by %(named)s, which is not accepted; choose RS256 or ES256"
                " at the provider."
            )
            % {"named": algorithm[:40]},
        )
    fitting = [each for each in keys if kid is None or each.get("kid") in (None, kid)]
    if not fitting:
        raise SsoRefused(
            "sso_key",
            _(
                "The ID token is signed by a key that the provider does not publish. If that"
                " repeats, an admin compares the issuer with the provider's."
            ),
        )
    for each in fitting:
        try:
            key = JWKRegistry.import_key(each)
            claims = jwt.decode(str(token), key, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        checks.note(_("Signature"), f"{algorithm}, {kid or ''}".rstrip(", "))
        return dict(claims)
    raise SsoRefused(
        "sso_signature",
        _(
            "The signature of the ID token is not the provider's. Nobody was signed in. If that"
            " repeats, an admin compares the issuer with the provider's."
        ),
    )


def claims_check(
    claims: Mapping[str, Any],
    checks: Checks,
    *,
    issuer: str,
    client_id: str,
    kept: Mapping[str, Any],
) -> None:
    """Check whose token it is, for whom, when, and that this flow asked for it."""
    parties_check(claims, checks, issuer=issuer, client_id=client_id)
    now = time.time()
    times_check(claims, checks, now)
    nonce = claims.get("nonce")
    checks.require(
        _("Nonce"),
        isinstance(nonce, str) and hmac.compare_digest(nonce.encode(), kept["nonce"].encode()),
        lambda: SsoRefused(
            "sso_nonce",
            _("The ID token was made for another sign-in. Start signing in again."),
        ),
    )
    if kept.get("again"):
        proved = _number(claims, "auth_time")
        checks.require(
            _("Asked just now"),
            proved is not None and now - proved <= FRESH + SKEW,
            lambda: SsoRefused(
                "sso_stale",
                _("The provider did not ask you again just now. Sign out there, then repeat."),
            ),
        )


def parties_check(
    claims: Mapping[str, Any], checks: Checks, *, issuer: str, client_id: str
) -> None:
    """Check who made a token and for whom. Raises SsoRefused."""
    checks.require(
        _("Issuer"),
        claims.get("iss") == issuer,
        lambda: SsoRefused(
            "sso_issuer",
            _(
                "The token is of %(named)s, not of the provider that is set up here. An admin"
                " compares the issuer with the provider's."
            )
            % {"named": str(claims.get("iss"))[:200]},
        ),
        issuer,
    )
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    alone = named == [client_id] if party is None else party == client_id
    checks.require(
        _("Audience"),
        client_id in named and alone,
        lambda: SsoRefused(
            "sso_audience",
            _("The token was made for another application. Compare the client id with the"
              " provider's."),
        ),
        client_id,
    )  # fmt: skip


def times_check(claims: Mapping[str, Any], checks: Checks, now: float) -> None:
    """Check a token's times against this server's clock. Raises SsoRefused."""
    issued, ends = _number(claims, "iat"), _number(claims, "exp")
    begins = _number(claims, "nbf")
    if issued is None or ends is None:
        raise SsoRefused("sso_token", _("The token does not say when it was made and ends."))
    ahead = max(issued, begins or 0) - now
    if ahead > SKEW:
        raise SsoRefused(
            "sso_clock",
            _(
                "The provider's clock is %(seconds)d seconds ahead of ours; %(skew)d are allowed."
                " Have its clock set."
            )
            % {"seconds": ahead, "skew": SKEW},
        )
    if ends <= now - SKEW:
        raise SsoRefused(
            "sso_expired",
            _(
                "The token ended %(seconds)d seconds ago. Start signing in again; if that repeats,"
                " the provider's clock is behind."
            )
            % {"seconds": now - ends},
        )
    checks.note(_("Clock"), _("%(seconds)+d s") % {"seconds": round(issued - now)})


def claims_complete(
    metadata: Mapping[str, Any], tokens: Mapping[str, Any], claims: dict[str, Any], email_claim: str
) -> dict[str, Any]:
    """Add what the provider tells at its userinfo address where the token lacks the e-mail."""
    access, address = tokens.get("access_token"), metadata.get("userinfo_endpoint")
    if claims.get(email_claim) or not isinstance(access, str) or not address:
        return claims
    if not access.isascii() or not access.isprintable():
        raise SsoRefused("sso_token", _("The provider's access token cannot be read."))
    answer = _asked("GET", str(address), headers={"Authorization": f"Bearer {access}"})
    if answer.status != 200:
        return claims
    told = _json(answer, "sso_token")
    if told.get("sub") != claims.get("sub"):
        raise SsoRefused(
            "sso_subject", _("The provider told of another person than the one who signed in.")
        )
    return told | claims


def claimed_of(issuer: str, claims: dict[str, Any], email_claim: str, name_claim: str) -> Claimed:
    """Return whom checked claims are about. Raises SsoRefused."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise SsoRefused("sso_token", _("The token does not say whom it is about."))
    if claims.get("email_verified") in (False, "false") and email_claim == "email":
        raise SsoRefused(
            "sso_email_unverified",
            _("The provider says that this email address is not verified. Verify it there."),
        )
    name, session = claims.get(name_claim), claims.get("sid")
    return Claimed(
        issuer=issuer,
        subject=subject,
        email=str(claims.get(email_claim) or "").strip().lower(),
        name=name.strip()[:120] if isinstance(name, str) else "",
        session=session[:255] if isinstance(session, str) else "",
        claims=claims,
    )


def origin_of_provider(metadata: Mapping[str, Any]) -> str:
    """Return scheme and host of the page that the browser is sent to."""
    parts = urlsplit(str(metadata.get("authorization_endpoint") or metadata.get("sso_url") or ""))
    return f"{parts.scheme}://{parts.netloc}"


def text_read(url: str) -> bytes:
    """Return what an address answers, whatever it is. Raises SsoRefused, AddressRefused."""
    answer = _asked("GET", url)
    if answer.status != 200:
        raise _unanswered(answer, "sso_metadata")
    return answer.body


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        return None
    return float(value)


def _asked(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    try:
        return fetch(method, url, headers=headers, body=body, seconds=10)
    except AddressRefused:
        raise
    except (Unreachable, TenantryError) as error:
        host = urlsplit(url).hostname
        raise SsoRefused(
            "sso_unreachable",
            _("The provider at %(host)s does not answer properly: %(why)s")
            % {"host": host, "why": error.detail},
            status=503,
        ) from error


def _json(answer: Answer, code: str) -> dict[str, Any]:
    try:
        told = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _unanswered(answer, code)
    return told


def _unanswered(answer: Answer, code: str) -> SsoRefused:
    told = {"status": answer.status}
    if answer.status >= 500:
        detail = _("The provider answered %(status)d without what was asked for. Try again later.")
        return SsoRefused("sso_unreachable", detail % told, status=503)
    detail = _(
        "The provider answered %(status)d without what was asked for. An admin compares the address"
        " in the settings with the provider's."
    )
    return SsoRefused(code, detail % told, status=403)
