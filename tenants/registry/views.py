"""The public host's pages: sign up, and find the workspaces of an address."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from tenants.accounts.limits import AGAIN, FIND, LOOK, SIGN_UP, attempt_count
from tenants.accounts.tasks import find_mail
from tenants.errors import Conflict, RateLimited
from tenants.lifecycle.naming import slug_verdict
from tenants.registry.forms import FindForm, SignUpForm
from tenants.registry.signup import (
    COOKIE,
    asked_before,
    cookie_read,
    cookie_set,
    handed_over,
    id_of,
    progress_of,
    sign_up,
    sign_up_again,
    wait_until_ready,
)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up_page(request: HttpRequest) -> HttpResponse:
    """Show the form; ask for the workspace and wait for it a moment."""
    form = SignUpForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status, tenant_id = 422, id_of(request.POST)
        if tenant_id and asked_before(tenant_id):  # sent again: its answer got lost
            return _made(tenant_id)
        if form.is_valid():
            told = form.cleaned_data
            try:
                attempt_count(SIGN_UP, request, told["email"])
                asked = sign_up(**told, tenant_id=tenant_id)
            except RateLimited as error:
                form.add_error(None, error.detail)
                status = 429
            except Conflict as error:
                form.add_error("slug", error.detail)
            else:
                return _made(asked.tenant_id)
    return render(request, "public/sign_up.html", {"form": form}, status=status)


def _made(tenant_id: UUID) -> HttpResponse:
    wait_until_ready(tenant_id)
    response = redirect("sign-up-made")
    cookie_set(response, tenant_id)
    return response


@require_GET
def address_check(request: HttpRequest) -> JsonResponse:
    """Say whether a workspace's address can be had, while it is being typed."""
    attempt_count(LOOK, request, "")
    verdict = slug_verdict(request.GET.get("slug", "").strip().lower())
    return JsonResponse(verdict._asdict(), headers={"Cache-Control": "no-store"})


@never_cache
@require_http_methods(["GET", "POST"])
def sign_up_made_page(request: HttpRequest) -> HttpResponse:
    """Go on into the workspace once it can be used; say how far it is until then.

    By a page that leads on by itself: the policy of forms allows no redirect to another host.
    """
    tenant_id = cookie_read(request)
    progress = progress_of(tenant_id) if tenant_id else None
    if progress is None:
        return redirect("sign-up")
    if request.method == "POST":
        attempt_count(AGAIN, request, progress.slug)
        sign_up_again(progress.tenant_id)
        wait_until_ready(progress.tenant_id)
        return redirect("sign-up-made")
    if not progress.ready:
        answer = render(request, "public/sign_up_made.html", {"progress": progress})
        answer["Refresh"] = "5" if progress.failed else "1"
        return answer
    url = handed_over(progress)
    answer = render(request, "public/sign_up_made.html", {"progress": progress, "url": url})
    answer["Refresh"] = f"0; url={url}"
    answer.delete_cookie(COOKIE)
    return answer


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def find_page(request: HttpRequest) -> HttpResponse:
    """Mail an address its workspaces; the answer is the same for every address."""
    form = FindForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            email = form.cleaned_data["email"].lower()
            try:
                attempt_count(FIND, request, email)
            except RateLimited as error:
                form.add_error(None, error.detail)
                status = 429
            else:
                find_mail.delay(email)
                return redirect("find-sent")
    return render(request, "public/find.html", {"form": form}, status=status)
