from django.urls import path

from bedrock import api, postureapi, postureviews, promptviews, safetyapi, views

html_urlpatterns = [
    path("requests/<uuid:request_id>/why/", views.request_why, name="request_why"),
    path("settings/safety/", views.safety_page, name="settings-safety"),
    path(
        "settings/safety/versions/<int:version>/restore/",
        views.safety_restore_action,
        name="settings-safety-restore",
    ),
    path("settings/assistant/", promptviews.assistant_page, name="settings-assistant"),
    path(
        "settings/assistant/versions/<int:version>/restore/",
        promptviews.assistant_restore_submit,
        name="settings-assistant-restore",
    ),
    path("settings/safety/posture/", postureviews.posture_page, name="settings-posture"),
    path("settings/safety/bench/", postureviews.bench_page, name="settings-bench"),
    path(
        "settings/safety/interventions/",
        postureviews.interventions_page,
        name="settings-interventions",
    ),
]

api_urlpatterns = [
    path("safety/", safetyapi.SafetyView.as_view(), name="api_safety"),
    path(
        "safety/versions/<int:version>/restore/",
        safetyapi.SafetyRestoreView.as_view(),
        name="api_safety_restore",
    ),
    path("assistant/settings/", promptviews.AssistantSettingsView.as_view(), name="api_assistant"),
    path(
        "assistant/settings/versions/<int:version>/restore/",
        promptviews.AssistantRestoreView.as_view(),
        name="api_assistant_restore",
    ),
    path("safety/posture/", postureapi.PostureView.as_view(), name="api_posture"),
    path("safety/posture/request/", postureapi.PostureAskView.as_view(), name="api_posture_ask"),
    path("safety/bench/", postureapi.BenchView.as_view(), name="api_bench"),
    path(
        "safety/interventions/",
        postureapi.InterventionsView.as_view(),
        name="api_interventions",
    ),
    path("requests/<uuid:request_id>/", api.RequestView.as_view(), name="api_request"),
]
