from django.urls import path

from billing import api, views

html_urlpatterns = [
    path("usage/", views.usage_page, name="usage"),
    path("usage/meters/", views.usage_meters, name="usage_meters"),
    path("usage/meter/", views.usage_meter, name="usage_meter"),
    path("usage/plans/", views.plans_page, name="usage_plans"),
    path("usage/prices/", views.prices_page, name="usage_prices"),
]

api_urlpatterns = [
    path("usage/", api.UsageView.as_view(), name="api_usage"),
]
