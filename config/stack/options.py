"""What the environment says about the stack: which parts to run and where.

Each part is replaced by its address alone. `docs/running.md` lists every variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.stack.errors import StackError

REPOSITORY = Path(__file__).resolve().parents[2]
DATABASE_VARIABLES = {
    "app": "DATABASE_URL",
    "owner": "DATABASE_OWNER_URL",
    "ops": "DATABASE_OPS_URL",
}


@dataclass(frozen=True, slots=True)
class Options:
    """The stack's settings; a part whose address is given is not started."""

    port: int
    base_host: str
    var: Path
    localaws_port: int
    database_urls: Mapping[str, str] | None
    redis_url: str | None
    local_aws: bool

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Options:
        """Read and check the variables.

        Raises StackError with the name of the variable that is missing or malformed.
        """
        return cls(
            port=_port(environ, "PORT", 8000),
            base_host=environ.get("BASE_HOST") or "localhost",
            var=Path(environ.get("VAR_DIR") or REPOSITORY / "var").resolve(),
            localaws_port=_port(environ, "LOCALAWS_PORT", 4566),
            database_urls=_database_urls(environ),
            redis_url=environ.get("REDIS_URL") or None,
            local_aws=_local_aws(environ),
        )


def _port(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackError(f"{variable} must be a port between 1 and 65535, not {text!r}.")
    return int(text)


def _database_urls(environ: Mapping[str, str]) -> Mapping[str, str] | None:
    given = {login: environ.get(name) or "" for login, name in DATABASE_VARIABLES.items()}
    if not any(given.values()):
        return None
    missing = [DATABASE_VARIABLES[login] for login, url in given.items() if not url]
    if missing:
        raise StackError(
            f"{' and '.join(missing)} must be set too: with a PostgreSQL of your own, each of the "
            "three logins app, owner and ops needs its address."
        )
    return given


def _local_aws(environ: Mapping[str, str]) -> bool:
    choice = (environ.get("LOCALAWS") or "on").lower()
    if choice not in ("on", "off"):
        raise StackError(f"LOCALAWS must be on or off, not {choice!r}.")
    return choice == "on" and not environ.get("AWS_ENDPOINT_URL")
