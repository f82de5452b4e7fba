"""An OpenID Connect provider on loopback: django-oauth-toolkit, in a process of its own.

`python -m tests.support.openid PORT DATABASE` serves it. Its people are whoever signs in with an
address at `/enter/`; `POST /plant/` makes it do wrong what a broken provider would: other claims,
another key, another lifetime.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.plain import NO_TLS

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-secret-of-the-client-for-tests"


def key_make() -> str:
    """Return a new RSA key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return (
        rsa.generate_private_key(65537, 2048)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


@dataclass
class OpenId:
    """The running provider, as its users' browsers and its operator reach it."""

    url: str
    key: str

    @property
    def issuer(self) -> str:
        return f"{self.url}/o"

    def plant(self, **faults: Any) -> None:
        """Let it do wrong, until it is told otherwise; `{}` is as it should be."""
        httpx.post(f"{self.url}/plant/", json=faults, verify=NO_TLS).raise_for_status()

    def client(self, name: str, redirect_uri: str) -> None:
        """Register an application."""
        body = {"client_id": name, "redirect_uri": redirect_uri, "secret": SECRET}
        httpx.post(f"{self.url}/clients/", json=body, verify=NO_TLS).raise_for_status()

    def asked(self, address: str, email: str) -> str:
        """Follow a browser that is sent here and signs in; return where it is sent back to."""
        with httpx.Client(verify=NO_TLS) as browser:
            browser.post(f"{self.url}/enter/", data={"email": email})
            answer = browser.get(address)
            if answer.status_code == 302 and "/enter/" in answer.headers["location"]:
                asked = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
                answer = browser.get(f"{self.url}{urlsplit(asked).path}?{urlsplit(asked).query}")
            assert answer.status_code == 302, answer.text
            return str(answer.headers["location"])

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.key = key_make()
        self.plant(key=self.key)


@contextmanager
def provider_running(folder: Path) -> Iterator[OpenId]:
    """Serve until the block ends."""
    from config.stack.ports import free_port

    port, key = free_port(), key_make()
    (folder / "key.pem").write_text(key)
    command = [sys.executable, "-m", "tests.support.openid", str(port), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield OpenId(f"http://127.0.0.1:{port}", key)
        finally:
            process.terminate()


def serve(port: int, folder: Path) -> None:
    """Serve the provider until the process is ended."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from waitress import create_server

    url = f"http://127.0.0.1:{port}"
    apps = ("contenttypes", "auth", "sessions")
    settings.configure(
        SECRET_KEY="of-the-provider-in-tests", DEBUG=False, ALLOWED_HOSTS=["*"], USE_TZ=True,
        ROOT_URLCONF="tests.support.openidpages", LOGIN_URL="/enter/",
        INSTALLED_APPS=[*(f"django.contrib.{app}" for app in apps), "oauth2_provider"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "op.sqlite")}
        },
        MIGRATION_MODULES=dict.fromkeys([*apps, "oauth2_provider"]),
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates",
                    "APP_DIRS": True}],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True, "OIDC_ISS_ENDPOINT": f"{url}/o", "PKCE_REQUIRED": True,
            "OIDC_RSA_PRIVATE_KEY": (folder / "key.pem").read_text(),
            "OAUTH2_VALIDATOR_CLASS": "tests.support.openidpages.Validator",
            "SCOPES": {"openid": "", "email": "", "profile": ""},
        },
    )  # fmt: skip
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django.core.wsgi import get_wsgi_application

    server = create_server(get_wsgi_application(), host="127.0.0.1", port=port, threads=2)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
