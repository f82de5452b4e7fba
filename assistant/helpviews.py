"""Help: its pages, and REST."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assistant.helping import (
    QUERY_CHARACTERS,
    Article,
    article_dict,
    article_of,
    articles,
    help_search,
)
from documents.rendering import answer_html
from tenants.accounts.permissions import role_required

RESULTS: Final = 8
# In the order in which a new member needs them; what is not named comes last, by its title.
READ_FIRST: Final = (
    "asking", "conversations", "adding-documents", "managing-documents", "searching", "writing",
    "actions", "usage", "keyboard", "signing-in", "members", "assistant-settings", "safety",
    "data", "trust", "single-sign-on", "api-keys", "webhooks",
)  # fmt: skip


def in_reading_order(found: Mapping[str, Article]) -> list[Article]:
    """Return the articles as the page lists them."""
    named = [found[slug] for slug in READ_FIRST if slug in found]
    return named + [article for slug, article in found.items() if slug not in READ_FIRST]


@require_GET
@role_required("viewer")
def help_home(request: HttpRequest) -> HttpResponse:
    """List the help pages, or the sections that fit what is asked."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:QUERY_CHARACTERS]
    context = {
        "nav": "help",
        "query": query,
        "query_limit": QUERY_CHARACTERS,
        "found": help_search(query, limit=RESULTS) if query else [],
        "articles": in_reading_order(articles()),
    }
    return render(request, "assistant/help.html", context)


@require_GET
@role_required("viewer")
def help_article(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a help page."""
    article = article_of(slug)
    sections = [
        {"anchor": each.anchor, "heading": each.heading, "html": answer_html(each.text, [])}
        for each in article.sections
    ]
    context = {"nav": "help", "article": article, "sections": sections}
    return render(request, "assistant/help_article.html", context)


class HelpQuerySerializer(serializers.Serializer[Any]):
    q = serializers.CharField(
        required=False, allow_blank=True, max_length=QUERY_CHARACTERS, help_text="What to look for."
    )


class ArticleSerializer(serializers.Serializer[Any]):
    """A help page of the product; the same for every workspace."""

    slug = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    text = serializers.CharField(help_text="Markdown.")
    url = serializers.CharField(help_text="The page.")


class HelpListView(APIView):
    """The product's help pages."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(
        operation_id="help_list",
        parameters=[HelpQuerySerializer],
        responses=ArticleSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """All pages by title; with `q` those that fit it, the best first."""
        given = HelpQuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        found = list(articles().values())
        if query := given.validated_data.get("q", "").replace("\x00", ""):
            found = list(dict.fromkeys(each.article for each in help_search(query, limit=RESULTS)))
        return Response([article_dict(article) for article in found])


class HelpView(APIView):
    """One help page."""

    roles: ClassVar = {"GET": "viewer"}

    @extend_schema(operation_id="help_read", responses=ArticleSerializer)
    def get(self, request: Request, slug: str) -> Response:
        return Response(article_dict(article_of(slug)))
