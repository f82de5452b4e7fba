from django.urls import path

from tenants.registry import dataviews

html_urlpatterns = [
    path("settings/data/", dataviews.data_page, name="settings-data"),
    path("settings/data/export/", dataviews.export_submit, name="settings-data-export"),
    path(
        "settings/data/export/<uuid:export_id>/",
        dataviews.export_download,
        name="settings-data-download",
    ),
    path("settings/data/leave/", dataviews.leave_submit, name="settings-data-leave"),
]
api_urlpatterns = [
    path("data/policy/", dataviews.DataPolicyView.as_view(), name="api_data_policy"),
]
