from django.urls import path

from bedrock import api, postureapi, postureviews, safetyapi, views

html_urlpatterns = [
    path("requests/<uuid:request_id>/why/", views.request_why, name="request_why"),
    path("settings/safety/", views.safety_page, name="settings-safety"),
    path(
        "settings/safety/versions/<int:version>/restore/",
        views.safety_restore_action,
        name="settings-safety-restore",
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
