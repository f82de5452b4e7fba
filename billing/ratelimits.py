"""Rate-limit headers of REST answers: what the plan allows a minute, what is left, when it is back.

`RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers, with policies
of the workspace and of the member; `X-RateLimit-*` say the tighter of the two in the form that
today's clients read. They cost no look at Redis where the request itself took from the buckets.
While Redis is away the policies are those of the fallback, and what is left is not said.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from django.http import HttpRequest, HttpResponse

from billing import bucket
from billing.bucket import Levels, levels_seen
from billing.catalog import Rates, plan_terms
from billing.errors import PlanMissing
from billing.fallback import FALLBACK_SHARE
from tenants.accounts.models import User
from tenants.context import current

WINDOW: Final = 60
NAMED: Final = (("requests", "requests"), ("tokens", "tokens"))
"""Our policy's name and its unit; the first two buckets: requests and model tokens."""

HEADERS: Final = {
    "RateLimit-Policy": "The limits that count this request: name, quota (`q`) and window in"
    " seconds (`w`). `workspace-…` is shared by all members, `member-…` is yours.",
    "RateLimit": "What is left of each policy (`r`), and in how many seconds it is whole (`t`).",
    "X-RateLimit-Limit-Requests": "Model requests a minute, of the tighter policy.",
    "X-RateLimit-Remaining-Requests": "Model requests that can be made at once.",
    "X-RateLimit-Reset-Requests": "Seconds until all of them are back, such as `12s`.",
    "X-RateLimit-Limit-Tokens": "Model tokens a minute, of the tighter policy.",
    "X-RateLimit-Remaining-Tokens": "Model tokens that can be used at once.",
    "X-RateLimit-Reset-Tokens": "Seconds until all of them are back, such as `12s`.",
}


class RateLimitHeaders:
    """Set the headers on each answer of the API to somebody who is known."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/") or not hasattr(request, "tenant"):
            return self.get_response(request)
        seen: list[Levels] = []
        token = levels_seen.set(seen)
        try:
            response = self.get_response(request)
        finally:
            levels_seen.reset(token)
        user = getattr(request, "user", None)  # as REST's authentication has left it
        if isinstance(user, User):
            try:
                rates = plan_terms(current().plan).rates
            except PlanMissing:
                return response
            own = [one for one in seen if one.own]
            found = own[-1] if own else bucket.levels(rates, member=user.pk)
            for name, value in headers(rates, found).items():
                response[name] = value
        return response


def headers(rates: Rates, levels: Levels | None) -> dict[str, str]:
    """Return the headers for a plan's rates and what is left of them; None: Redis is away."""
    share = 1.0 if levels else FALLBACK_SHARE
    whole = [rates.requests * share, rates.model_tokens * share]
    own = [limit * rates.member_percent / 100 for limit in whole]
    policies = [*_policies("workspace", whole), *_policies("member", own)]
    found = {"RateLimit-Policy": ", ".join(policies)}
    if levels is None:
        return found
    left = [*levels.tenant[: len(NAMED)], *levels.own[: len(NAMED)]]
    limits = [*whole, *own]
    names = [f"{whose}-{name}" for whose in ("workspace", "member") for name, _ in NAMED]
    found["RateLimit"] = ", ".join(
        f'"{name}";r={max(0, rest)};t={_whole_in(rest, limit)}'
        for name, rest, limit in zip(names, left, limits, strict=True)
    )
    for index, (name, _) in enumerate(NAMED):
        both = [(left[i], limits[i]) for i in (index, index + len(NAMED))]
        rest, limit = min(both)
        title = name.capitalize()
        found[f"X-RateLimit-Limit-{title}"] = str(int(limit))
        found[f"X-RateLimit-Remaining-{title}"] = str(max(0, rest))
        found[f"X-RateLimit-Reset-{title}"] = f"{_whole_in(rest, limit)}s"
    return found


def _policies(whose: str, limits: Sequence[float]) -> list[str]:
    return [
        f'"{whose}-{name}";q={max(1, int(limit))};w={WINDOW};qu="{unit}"'
        for (name, unit), limit in zip(NAMED, limits, strict=True)
    ]


def _whole_in(rest: int, limit: float) -> int:
    return math.ceil(max(0.0, limit - rest) * WINDOW / limit) if limit else WINDOW
