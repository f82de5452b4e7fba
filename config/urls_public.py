"""Addresses on the public host: the landing page, sign-up, finding a workspace, the staff admin."""

from django.contrib import admin
from django.urls import path
from django.views.generic import TemplateView

from billing.invoices.webhooks import payments_webhook
from config.views import landing
from tenants.registry.urls import public_urlpatterns

urlpatterns = [
    path("", landing, name="landing"),
    *public_urlpatterns,
    path("design/", TemplateView.as_view(template_name="components/gallery.html"), name="design"),
    path("admin/", admin.site.urls),
    path("webhooks/payments/", payments_webhook, name="payments-webhook"),
]
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
