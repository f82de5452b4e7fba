"""Pages that belong to no app: the way in, the landing page, the API's reference."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt

from billing.selectors import plans_on_offer
from config.document import Document
from config.reference import operations
from tenants.accounts.models import User
from tenants.accounts.permissions import role_required
from tenants.errors import NotFound


def home(request: HttpRequest) -> HttpResponse:
    """Go to the assistant, or sign in first."""
    return redirect("/assistant/" if isinstance(request.user, User) else "/sign-in/")


def landing(request: HttpRequest) -> HttpResponse:
    """Say what the product is, what it costs, and the ways in."""
    return render(request, "public/landing.html", {"plans": plans_on_offer()})


@role_required("viewer")
def api_docs(request: HttpRequest) -> HttpResponse:
    """The API's reference, rendered from its own OpenAPI document."""
    schema = Document().get_schema()  # type: ignore[no-untyped-call]
    return render(
        request, "api/reference.html", {"groups": operations(schema), "info": schema["info"]}
    )


@csrf_exempt  # a program with a key is told that there is nothing, not that it lacks a cookie
def api_not_found(_request: HttpRequest, _rest: str) -> HttpResponse:
    raise NotFound(
        gettext("There is no such address in the API; the reference is at /api/v1/docs/.")
    )
