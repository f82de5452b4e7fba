from django.urls import path

from bedrock import api, views

html_urlpatterns = [
    path("requests/<uuid:request_id>/why/", views.request_why, name="request_why"),
]

api_urlpatterns = [
    path("requests/<uuid:request_id>/", api.RequestView.as_view(), name="api_request"),
]
