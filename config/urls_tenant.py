"""Addresses on a tenant's own host."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny

from assistant.urls import api_urlpatterns as assistant_api
from assistant.urls import html_urlpatterns as assistant_html
from bedrock.urls import api_urlpatterns as bedrock_api
from bedrock.urls import html_urlpatterns as bedrock_html
from billing.urls import api_urlpatterns as billing_api
from billing.urls import html_urlpatterns as billing_html
from config.views import api_docs, api_not_found, home
from documents.urls import api_urlpatterns as documents_api
from documents.urls import html_urlpatterns as documents_html
from search.urls import api_urlpatterns as search_api
from search.urls import html_urlpatterns as search_html
from tenants.accounts.urls import api_urlpatterns as accounts_api
from tenants.accounts.urls import html_urlpatterns as accounts_html
from tenants.registry.dataurls import api_urlpatterns as data_api
from tenants.registry.dataurls import html_urlpatterns as data_html
from tenants.signin.urls import api_urlpatterns as signin_api
from tenants.signin.urls import html_urlpatterns as signin_html
from tenants.webhooks.urls import api_urlpatterns as webhooks_api
from tenants.webhooks.urls import html_urlpatterns as webhooks_html

urlpatterns = [
    path("", home, name="home"),
    # Programs' addresses first: the list is walked through for each request. The scheme is the same
    # for every workspace, so anyone may read it.
    path(
        "api/v1/schema/",
        SpectacularAPIView.as_view(permission_classes=[AllowAny]),
        name="api-schema",
    ),
    path("api/v1/docs/", api_docs, name="api-docs"),
    path(
        "api/v1/",
        include(
            [
                *assistant_api,
                *documents_api,
                *search_api,
                *billing_api,
                *bedrock_api,
                *accounts_api,
                *signin_api,
                *webhooks_api,
                *data_api,
            ]
        ),
    ),
    path("api/<path:_rest>", api_not_found),
    *accounts_html,
    *signin_html,
    *webhooks_html,
    *assistant_html,
    *documents_html,
    *search_html,
    *billing_html,
    *bedrock_html,
    *data_html,
]
handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
