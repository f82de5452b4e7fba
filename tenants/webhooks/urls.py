"""Addresses of the webhooks' pages and of their REST."""

from django.urls import path

from tenants.webhooks import api, views

html_urlpatterns = [
    path("settings/webhooks/", views.webhooks_page, name="settings-webhooks"),
    path("settings/webhooks/<uuid:endpoint_id>/", views.webhook_page, name="settings-webhook"),
    path(
        "settings/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/replay/",
        views.delivery_replay_action,
        name="settings-webhook-replay",
    ),
]

api_urlpatterns = [
    path("webhooks/", api.WebhooksView.as_view(), name="api_webhooks"),
    path("webhooks/<uuid:endpoint_id>/", api.WebhookView.as_view(), name="api_webhook"),
    path(
        "webhooks/<uuid:endpoint_id>/secret/",
        api.WebhookSecretView.as_view(),
        name="api_webhook_secret",
    ),
    path("webhooks/<uuid:endpoint_id>/test/", api.WebhookTestView.as_view(), name="api_hook_test"),
    path(
        "webhooks/<uuid:endpoint_id>/deliveries/",
        api.DeliveriesView.as_view(),
        name="api_webhook_deliveries",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/replay/",
        api.DeliveryReplayView.as_view(),
        name="api_webhook_replay",
    ),
]
