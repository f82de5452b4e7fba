"""Addresses of the second step and of the settings of sign-in."""

from django.urls import path

from tenants.signin import settingsviews, views

html_urlpatterns = [
    path("sign-in/second/", views.second_page, name="sign-in-second"),
    path("sign-in/set-up/", views.set_up_page, name="sign-in-set-up"),
    path("settings/security/", settingsviews.security_page, name="settings-security"),
    path(
        "settings/security/confirm/",
        settingsviews.confirm_password_page,
        name="settings-security-confirm",
    ),
    path("settings/security/add/", settingsviews.factor_add_page, name="settings-factor-add"),
    path(
        "settings/security/factors/<uuid:factor_id>/remove/",
        settingsviews.factor_remove_action,
        name="settings-factor-remove",
    ),
    path("settings/security/codes/", settingsviews.codes_action, name="settings-codes"),
    path(
        "settings/security/sessions/<uuid:session_id>/end/",
        settingsviews.session_end_action,
        name="settings-session-end",
    ),
    path(
        "settings/security/sessions/end/",
        settingsviews.sessions_end_action,
        name="settings-sessions-end",
    ),
    path("settings/security/policy/", settingsviews.policy_action, name="settings-sign-in-policy"),
    path(
        "settings/security/members/<uuid:user_id>/reset/",
        settingsviews.factors_reset_action,
        name="settings-factors-reset",
    ),
]
