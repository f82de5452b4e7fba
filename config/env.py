"""The typed environment: every variable that the product reads, checked when the process starts.

The one table of these variables for operators is in `docs/running.md`.
"""

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, cast
from urllib.parse import unquote, urlsplit

Login = Literal["app", "owner", "ops"]
ROOT: Final = Path(__file__).resolve().parent.parent
URL_VARIABLES: Final = {
    "app": "DATABASE_URL",
    "owner": "DATABASE_OWNER_URL",
    "ops": "DATABASE_OPS_URL",
}


AWS_SERVICES: Final = (
    "*",
    "s3",
    "sts",
    "iam",
    "bedrock",
    "bedrock-runtime",
    "bedrock-agent",
    "bedrock-agent-runtime",
    "ce",
    "bcm-data-exports",
)


class BadEnvironment(SystemExit):
    """Stops the start with the variable's name and what it should hold."""


@dataclass(frozen=True, slots=True)
class Database:
    name: str
    user: str
    password: str
    host: str
    port: str


@dataclass(frozen=True, slots=True)
class Environment:
    login: Login
    database: Database
    redis_url: str
    secret_key: str
    base_host: str
    port: int
    scheme: Literal["http", "https"]
    var_dir: Path
    static_root: Path
    tenant_role_arn: str
    app_principal: str
    aws_endpoints: dict[str, dict[str, str]]
    bucket_prefix: str
    uploads_direct_from: int  # bytes; 0: never
    regions: tuple[str, ...]
    pg_dump: str
    email_url: str
    default_from_email: str
    invoice_seller: str
    payment_webhook_secret: str
    metrics_token: str
    outbound_private: bool
    dns_servers: tuple[tuple[str, int], ...]
    staff_second_factor: str  # empty: the settings' own default

    @property
    def base_url(self) -> str:
        """The public host's address, as browsers write it."""
        usual = {"http": 80, "https": 443}[self.scheme]
        port = "" if self.port == usual else f":{self.port}"
        return f"{self.scheme}://{self.base_host}{port}"


def _required(name: str, what: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadEnvironment(f"{name} is not set: {what}.")
    return value


def _one_of(name: str, choices: tuple[str, ...], default: str) -> str:
    value = os.environ.get(name, default)
    if value not in choices:
        raise BadEnvironment(f"{name} is {value!r}: it must be one of {', '.join(choices)}.")
    return value


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdecimal():
        raise BadEnvironment(f"{name} is {value!r}: it must be a whole number.")
    return int(value)


def _arn(name: str, default: str) -> str:
    """Return an IAM ARN; the default where the variable is not set."""
    value = os.environ.get(name) or default
    if value and not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:(?:root|(?:role|user)/\S+)", value):
        raise BadEnvironment(
            f"{name} is {value!r}: it must be an IAM ARN, arn:aws:iam::123456789012:role/name."
        )
    return value


def _lines(name: str, default: str) -> str:
    """Return text of several lines, which the variable parts by `|`."""
    parts = os.environ.get(name, default).split("|")
    return "\n".join(filter(None, map(str.strip, parts)))


def _long_secret(name: str) -> str:
    """Return a secret that may be left out, and if not, cannot be guessed."""
    value = os.environ.get(name, "")
    if value and len(value) < 32:
        raise BadEnvironment(f"{name} is too short: give 32 random characters or more.")
    return value


def _endpoints(name: str) -> dict[str, dict[str, str]]:
    """Return addresses by Region and service; `*` stands for every service of the Region.

    For PrivateLink: each Region's interface endpoints have names of their own.
    """
    what = (
        f"{name} must be JSON like "
        '{"eu-central-1": {"bedrock-runtime": "https://vpce-1.example", "*": "https://…"}}'
    )
    try:
        given = json.loads(os.environ.get(name) or "{}")
        pairs = [(region, dict(services)) for region, services in given.items()]
    except (ValueError, TypeError, AttributeError) as error:
        raise BadEnvironment(f"{what}: {error}.") from None
    for region, services in pairs:
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
            raise BadEnvironment(f"{what}: {region!r} is no Region.")
        for service, address in services.items():
            if service not in AWS_SERVICES:
                raise BadEnvironment(f"{what}: {service!r} is none of {', '.join(AWS_SERVICES)}.")
            parts = urlsplit(address) if isinstance(address, str) else None
            if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
                raise BadEnvironment(f"{what}: {address!r} is no address.")
    return dict(pairs)


def _regions(name: str, default: str) -> tuple[str, ...]:
    """Return the Regions that new workspaces may choose, the first one by default."""
    given = tuple(each.strip() for each in os.environ.get(name, default).split(",") if each.strip())
    for region in given:
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
            raise BadEnvironment(f"{name}: {region!r} is no Region; give some like {default}.")
    if not given:
        raise BadEnvironment(f"{name} is empty: name at least one Region, like {default}.")
    return given


def _servers(name: str) -> tuple[tuple[str, int], ...]:
    """Return addresses and ports; none where the variable is not set."""
    found = []
    for each in filter(None, map(str.strip, os.environ.get(name, "").split(","))):
        parts = urlsplit(f"//{each}")
        try:
            found.append((str(ip_address(parts.hostname or "")), parts.port or 53))
        except ValueError:
            raise BadEnvironment(
                f"{name}: {each!r} is no address; give some like 10.0.0.2,[fd00::2]:53."
            ) from None
    return tuple(found)


def _database(variable: str) -> Database:
    url = _required(variable, "postgresql://user:password@host:port/name of this process's login")
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgres", "postgresql") or not name or not parts.hostname:
        raise BadEnvironment(
            f"{variable} must look like postgresql://user:password@host:port/name."
        )
    return Database(
        name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=unquote(parts.hostname),
        port=str(parts.port or 5432),
    )


@cache
def environment() -> Environment:
    """Read and check the environment once. Raises BadEnvironment naming the variable."""
    login = cast(
        Literal["app", "owner", "ops"], _one_of("DATABASE_LOGIN", tuple(URL_VARIABLES), "app")
    )
    redis_url = _required("REDIS_URL", "redis://host:port/number")
    if not redis_url.startswith(("redis://", "rediss://")):
        raise BadEnvironment("REDIS_URL must begin with redis:// or rediss://.")
    secret_key = _required("SECRET_KEY", "50 random characters or more, the same for every process")
    if len(secret_key) < 32:
        raise BadEnvironment("SECRET_KEY is too short: give 50 random characters or more.")
    var_dir = Path(os.environ.get("VAR_DIR", str(ROOT / "var")))
    return Environment(
        login=login,
        database=_database(URL_VARIABLES[login]),
        redis_url=redis_url,
        secret_key=secret_key,
        base_host=os.environ.get("BASE_HOST", "localhost"),
        port=_number("PORT", 8000),
        scheme=cast(Literal["http", "https"], _one_of("PUBLIC_SCHEME", ("http", "https"), "http")),
        var_dir=var_dir,
        static_root=Path(os.environ.get("STATIC_ROOT") or var_dir / "static"),
        tenant_role_arn=_arn(
            "AWS_TENANT_ROLE_ARN", "arn:aws:iam::123456789012:role/tenantry-tenant"
        ),
        app_principal=_arn("AWS_APP_PRINCIPAL", ""),
        aws_endpoints=_endpoints("AWS_ENDPOINTS"),
        bucket_prefix=os.environ.get("AWS_BUCKET_PREFIX", "tenantry-documents"),
        uploads_direct_from=_number("UPLOADS_DIRECT_FROM_MB", 16) * 1024 * 1024,
        regions=_regions("REGIONS", "us-east-1,eu-central-1"),
        pg_dump=os.environ.get("PG_DUMP", "pg_dump"),
        email_url=os.environ.get("EMAIL_URL", ""),
        default_from_email=os.environ.get(
            "DEFAULT_FROM_EMAIL", "Tenantry <no-reply@tenantry.example>"
        ),
        invoice_seller=_lines("INVOICE_SELLER", "Tenantry"),
        payment_webhook_secret=_long_secret("PAYMENT_WEBHOOK_SECRET"),
        metrics_token=_long_secret("METRICS_TOKEN"),
        outbound_private=_one_of("OUTBOUND_PRIVATE", ("no", "yes"), "no") == "yes",
        dns_servers=_servers("DNS_SERVERS"),
        staff_second_factor=_one_of("STAFF_SECOND_FACTOR", ("", "optional", "required"), ""),
    )
