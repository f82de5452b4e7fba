"""Addresses on the public host: the landing page, sign-up, finding a workspace, the staff admin."""

from django.contrib import admin
from django.urls import path
from django.views.generic import TemplateView

from bedrock.names import model_told
from billing.invoices.webhooks import payments_webhook
from config.staffroleviews import staff_roles_page
from config.views import landing
from tenants.registry.urls import public_urlpatterns
from tenants.signin.staffurls import public_urlpatterns as signin_urlpatterns
from tenants.staffpages import codes_named

admin.autodiscover()  # here, not as apps load: workers serve no pages
codes_named("model", model_told)

urlpatterns = [
    path("", landing, name="landing"),
    *public_urlpatterns,
    path("design/", TemplateView.as_view(template_name="components/gallery.html"), name="design"),
    *signin_urlpatterns,
    path("admin/roles/", admin.site.admin_view(staff_roles_page), name="staff-roles"),
    path("admin/", admin.site.urls),
    path("webhooks/payments/", payments_webhook, name="payments-webhook"),
]
handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
