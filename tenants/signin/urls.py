"""Addresses of the second step, of the settings of sign-in, and of their REST."""

from django.urls import path

from tenants.signin import api, settingsviews, views, visitviews
from tenants.signin.sso import settingsviews as sso_settings
from tenants.signin.sso import views as sso

html_urlpatterns = [
    path("sign-in/second/", views.second_page, name="sign-in-second"),
    path("sign-in/set-up/", views.set_up_page, name="sign-in-set-up"),
    path("staff-visit/end/", visitviews.visit_end_action, name="staff-visit-end"),
    path("staff-visit/<str:token>/", visitviews.visit_open_action, name="staff-visit"),
    path("settings/security/", settingsviews.security_page, name="settings-security"),
    path("settings/security/name/", settingsviews.name_action, name="settings-name"),
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
    path("sign-in/sso/", sso.sso_page, name="sign-in-sso"),
    path("sign-in/sso/oidc/", sso.oidc_page, name="sign-in-sso-oidc"),
    path("sign-in/sso/oidc/logout/", sso.oidc_logout, name="sign-in-sso-oidc-logout"),
    path("sign-in/sso/saml/", sso.saml_page, name="sign-in-sso-saml"),
    path("sign-in/sso/saml/finish/", sso.saml_finish_page, name="sign-in-sso-saml-finish"),
    path("sign-in/sso/saml/metadata/", sso.saml_metadata_page, name="sign-in-sso-saml-metadata"),
    path("sign-in/sso/saml/logout/", sso.saml_logout_page, name="sign-in-sso-saml-logout"),
    path("settings/security/sso/", sso_settings.sso_settings_page, name="settings-sso"),
    path("settings/security/sso/state/", sso_settings.sso_state_action, name="settings-sso-state"),
    path("settings/security/sso/test/", sso_settings.sso_test_action, name="settings-sso-test"),
    path(
        "settings/security/sso/refresh/",
        sso_settings.sso_refresh_action,
        name="settings-sso-refresh",
    ),
    path(
        "settings/security/sso/remove/", sso_settings.sso_remove_action, name="settings-sso-remove"
    ),
    path("settings/security/sso/link/", sso_settings.sso_link_action, name="settings-sso-link"),
    path(
        "settings/security/sso/members/<uuid:user_id>/unlink/",
        sso_settings.sso_unlink_action,
        name="settings-sso-unlink",
    ),
    path("settings/security/domains/", sso_settings.domain_add_action, name="settings-domains"),
    path(
        "settings/security/domains/<uuid:domain_id>/verify/",
        sso_settings.domain_verify_action,
        name="settings-domain-verify",
    ),
    path(
        "settings/security/domains/<uuid:domain_id>/remove/",
        sso_settings.domain_remove_action,
        name="settings-domain-remove",
    ),
]

api_urlpatterns = [
    path("sessions/", api.SessionsView.as_view(), name="api_sessions"),
    path("sessions/<uuid:session_id>/", api.SessionView.as_view(), name="api_session"),
    path("factors/", api.FactorsView.as_view(), name="api_factors"),
    path("factors/<uuid:factor_id>/", api.FactorView.as_view(), name="api_factor"),
    path(
        "members/<uuid:user_id>/factors/",
        api.MemberFactorsView.as_view(),
        name="api_member_factors",
    ),
    path("sign-in/policy/", api.SignInPolicyView.as_view(), name="api_sign_in_policy"),
]
