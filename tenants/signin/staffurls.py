"""Addresses of staff's sign-in, on the public host; before the admin's own."""

from django.urls import path

from tenants.signin import staffviews, views

public_urlpatterns = [
    path("admin/login/", staffviews.StaffSignInView.as_view(), name="sign-in"),
    path("admin/logout/", staffviews.staff_sign_out_action, name="staff-sign-out"),
    path("admin/second/", views.second_page, name="sign-in-second"),
    path("admin/set-up/", views.set_up_page, name="sign-in-set-up"),
    path("admin/second-factor/", staffviews.staff_factors_page, name="staff-factors"),
    path("admin/second-factor/codes/", staffviews.staff_codes_action, name="staff-codes"),
    path(
        "admin/second-factor/<uuid:factor_id>/remove/",
        staffviews.staff_factor_remove_action,
        name="staff-factor-remove",
    ),
]
