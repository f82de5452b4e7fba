"""Second factors: made, used and removed. Raises Invalid, Conflict, Forbidden, NotFound."""

import base64
import hashlib
import re
import secrets
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from tenants.accounts.audit import audit_write
from tenants.accounts.membership import member_of
from tenants.accounts.models import Role, User, role_reaches
from tenants.context import Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.naming import one_line
from tenants.secretbox import secret_open, secret_seal
from tenants.signin.models import Factor, RecoveryCode
from tenants.signin.policy import second_needed
from tenants.signin.sessions import sessions_end
from tenants.signin.totp import totp_step
from tenants.signin.webauthn import State, assert_check, register_check

PURPOSE: Final = "totp"  # of the sealed secret
CODES: Final = 10
MOST: Final = 10  # factors of one user
SHORT: Final = 9  # what has fewer characters is meant for an app's code
WRONG: Final = gettext_lazy(
    "That code does not fit. Wait for the next one, and check the device's clock."
)
NO_RECOVERY: Final = gettext_lazy(
    "That is none of your recovery codes. Look at it once more; new ones end those before."
)
USED_RECOVERY: Final = gettext_lazy(
    "That recovery code has been used already: each works once. Take another one of yours."
)


def factors_of(user: User) -> list[Factor]:
    return list(Factor.objects.filter(user=user))


def factor_of(user: User, factor_id: UUID) -> Factor:
    """Return one of the user's own. Raises NotFound."""
    found = Factor.objects.filter(user=user, id=factor_id).first()
    if found is None:
        raise NotFound
    return found


def keys_among(factors: list[Factor]) -> list[Factor]:
    return [each for each in factors if each.kind == Factor.Kind.KEY]


def app_add(*, actor: Actor, user: User, name: str, secret: str, code: str) -> list[str]:
    """Add an authenticator app that has shown a right code; return new recovery codes, if any."""
    step = totp_step(secret, _plain(code), after=0)
    if step is None:
        raise Invalid(WRONG)
    return _add(
        actor,
        Factor(
            user=user,
            kind=Factor.Kind.APP,
            name=_named(name, gettext("Authenticator app")),
            secret=secret_seal(secret, purpose=PURPOSE),
            last_step=step,
            last_used_at=timezone.now(),
        ),
    )


def key_add(
    *, actor: Actor, user: User, name: str, origin: str, state: State, answer: Any
) -> list[str]:
    """Add a security key; return new recovery codes, if any."""
    credential = register_check(origin, state, answer)
    return _add(
        actor,
        Factor(
            user=user,
            kind=Factor.Kind.KEY,
            name=_named(name, gettext("Security key")),
            credential=credential,
            last_used_at=timezone.now(),
        ),
    )


@transaction.atomic
def _add(actor: Actor, factor: Factor) -> list[str]:
    User.objects.select_for_update().get(id=factor.user_id)
    others = Factor.objects.filter(user_id=factor.user_id).count()
    if others >= MOST:
        raise Conflict(
            gettext("You have %(most)s factors already; remove one first.") % {"most": MOST}
        )
    factor.save(force_insert=True)
    audit_write(
        actor, action="factor.add", object_type="factor", object_id=factor.id, kind=factor.kind
    )
    if RecoveryCode.objects.filter(user_id=factor.user_id, used_at=None).exists():
        return []
    return _codes(factor.user_id)


@transaction.atomic
def codes_renew(*, actor: Actor, user: User) -> list[str]:
    """Make new recovery codes; the ones before stop working."""
    if not Factor.objects.filter(user=user).exists():
        raise Conflict(gettext("Add an authenticator app or a security key first."))
    audit_write(actor, action="factor.codes", object_type="user", object_id=user.id)
    return _codes(user.id)


def _codes(user_id: UUID) -> list[str]:
    RecoveryCode.objects.filter(user_id=user_id).delete()
    made = [_grouped(base64.b32encode(secrets.token_bytes(10)).decode()) for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user_id=user_id, digest=_digest(code)) for code in made
    )
    return made


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, 16, 4)).lower()


def _digest(code: str) -> bytes:
    return hashlib.sha256(_plain(code).encode()).digest()


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).upper()


def _named(name: str, default: str) -> str:
    name = one_line(name) or default
    if len(name) > 60:
        raise Invalid(gettext("The name may have 60 characters."))
    return name


@transaction.atomic
def factor_remove(*, actor: Actor, user: User, factor_id: UUID) -> None:
    """Remove one's own factor; the last one only where the policy lets one go without."""
    User.objects.select_for_update().get(id=user.id)
    found = factor_of(user, factor_id)
    last = not Factor.objects.filter(user=user).exclude(id=factor_id).exists()
    if last and second_needed(user):
        raise Conflict(
            gettext("This workspace asks you for a second factor; add another one first.")
        )
    found.delete()
    if last:
        RecoveryCode.objects.filter(user=user).delete()
    audit_write(
        actor, action="factor.remove", object_type="factor", object_id=factor_id, kind=found.kind
    )


@transaction.atomic
def factors_reset(*, actor: Actor, user_id: UUID) -> User:
    """Take all factors from a member who has lost them; their sessions end too.

    By an admin, never for oneself; an owner's only by an owner.
    """
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
    user = member_of(user_id)
    if user.id == actor.user_id:
        raise Invalid(
            gettext("Ask another admin, or use a recovery code: nobody resets their own.")
        )
    if user.role == Role.OWNER and actor.role != Role.OWNER:
        raise Forbidden(gettext("Only an owner resets an owner's second factor."))
    Factor.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    audit_write(actor, action="factor.reset", object_type="user", object_id=user.id)
    sessions_end(user_id=user.id)
    return user


def code_use(*, user: User, code: str) -> str:
    """Take a code of an app or a recovery code; return its kind. Raises Invalid.

    Each works once: of two requests with the same code, one wins.
    """
    plain = _plain(code)
    now = timezone.now()
    apps = Factor.objects.filter(user=user, kind=Factor.Kind.APP)
    if plain.isdecimal() and len(plain) == 6:
        for factor in apps:
            secret = secret_open(factor.secret, purpose=PURPOSE)
            step = totp_step(secret, plain, after=factor.last_step)
            if step is not None and Factor.objects.filter(id=factor.id, last_step__lt=step).update(
                last_step=step, last_used_at=now
            ):
                return "app"
    if len(plain) < SHORT and apps.exists():
        raise Invalid(WRONG)
    codes = RecoveryCode.objects.filter(user=user, digest=_digest(code))
    if not codes.filter(used_at=None).update(used_at=now):
        raise Invalid(USED_RECOVERY if codes.exists() else NO_RECOVERY)
    return "recovery"


def key_use(*, user: User, origin: str, state: State, answer: Any) -> str:
    """Take a security key's answer; return its kind. Raises Invalid."""
    keys = keys_among(factors_of(user))
    factor, count = assert_check(origin, state, keys, answer)
    if count and count <= factor.sign_count:
        raise Invalid(
            gettext("This security key looks copied: its count went back. Use another factor.")
        )
    Factor.objects.filter(id=factor.id).update(sign_count=count, last_used_at=timezone.now())
    return "key"
