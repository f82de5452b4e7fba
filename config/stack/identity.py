"""The user that PostgreSQL, which refuses to run as root, runs as when root starts the stack."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from config.stack.errors import StackError

CANDIDATES = ("postgres", "nobody")
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the operating system."""

    name: str
    uid: int
    gid: int


def unprivileged() -> Identity | None:
    """Return whom to become, or None when the stack already runs as an ordinary user."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(name, entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL does not run as root and this machine has neither a user `postgres` nor "
        "`nobody`: start the stack as an ordinary user."
    )


def reaching(identity: Identity | None, *paths: Path) -> tuple[Identity | None, list[str]]:
    """Return the user to start as and the command to put first, so that `paths` can be reached.

    A checkout below a private folder, such as root's home, cannot be entered by another user. The
    process then changes its user itself and keeps one capability, to pass through folders.
    """
    if identity is None or all(_searchable(path, identity) for path in paths):
        return identity, []
    setpriv = shutil.which("setpriv")
    capability = _search_capability()
    if setpriv is None or capability is None:
        blocked = next(path for path in paths if not _searchable(path, identity))
        raise StackError(
            f"PostgreSQL runs as `{identity.name}` when root starts it, who cannot reach {blocked}:"
            " move the checkout out of the private folder, or start it as an ordinary user."
        )
    return None, [
        setpriv,
        f"--reuid={identity.uid}",
        f"--regid={identity.gid}",
        "--clear-groups",
        "--pdeathsig=INT",  # Changing the user clears what the parent had asked for.
        f"--inh-caps=-all,+{capability}",
        f"--ambient-caps=-all,+{capability}",
        f"--bounding-set=-all,+{capability}",
        "--",
    ]


def _searchable(path: Path, identity: Identity) -> bool:
    """Say whether every folder above `path` lets `identity` through."""
    for folder in path.resolve().parents:
        state = folder.stat()
        if state.st_uid == identity.uid:
            allowed = state.st_mode & 0o100
        elif state.st_gid == identity.gid:
            allowed = state.st_mode & 0o010
        else:
            allowed = state.st_mode & 0o001
        if not allowed:
            return False
    return True


def _search_capability() -> str | None:
    """Return the least capability that passes through private folders and that we may hand on."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    bounding = int(next(x for x in status.splitlines() if x.startswith("CapBnd:")).split()[1], 16)
    if bounding >> CAP_DAC_READ_SEARCH & 1:
        return "dac_read_search"
    if bounding >> CAP_DAC_OVERRIDE & 1:
        return "dac_override"
    return None
