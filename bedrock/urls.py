from django.urls import path

from bedrock import api, safetyapi, views

html_urlpatterns = [
    path("requests/<uuid:request_id>/why/", views.request_why, name="request_why"),
    path("settings/safety/", views.safety_page, name="settings-safety"),
    path(
        "settings/safety/versions/<int:version>/restore/",
        views.safety_restore_action,
        name="settings-safety-restore",
    ),
]

api_urlpatterns = [
    path("safety/", safetyapi.SafetyView.as_view(), name="api_safety"),
    path(
        "safety/versions/<int:version>/restore/",
        safetyapi.SafetyRestoreView.as_view(),
        name="api_safety_restore",
    ),
    path("requests/<uuid:request_id>/", api.RequestView.as_view(), name="api_request"),
]
