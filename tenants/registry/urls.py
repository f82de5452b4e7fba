"""Addresses of signing up and of finding a workspace, on the public host."""

from django.urls import path
from django.views.generic import TemplateView

from tenants.registry import receiptviews, views

public_urlpatterns = [
    path("sign-up/", views.sign_up_page, name="sign-up"),
    path("sign-up/address/", views.address_check, name="sign-up-address"),
    path("sign-up/made/", views.sign_up_made_page, name="sign-up-made"),
    path("find/", views.find_page, name="find-workspace"),
    path("find/sent/", TemplateView.as_view(template_name="public/find_sent.html"),
         name="find-sent"),
    path("erased/<uuid:offboarding_id>/", receiptviews.receipt_page, name="receipt"),
    path("erased/<uuid:offboarding_id>/receipt.json", receiptviews.receipt_file,
         name="receipt-file"),
]  # fmt: skip
