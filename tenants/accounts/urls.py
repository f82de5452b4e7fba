"""Addresses of signing in and of the settings."""

from django.urls import path

from tenants.accounts import (
    auditapi,
    auditviews,
    groupsapi,
    groupviews,
    keysapi,
    keysviews,
    membersapi,
    membersviews,
    views,
)

html_urlpatterns = [
    path("sign-in/", views.sign_in_page, name="sign-in"),
    path("sign-out/", views.sign_out_action, name="sign-out"),
    path("password-reset/", views.password_reset_page, name="password-reset"),
    path("password-reset/sent/", views.PasswordResetSentView.as_view(), name="password-reset-sent"),
    path(
        "password-reset/<uidb64>/<token>/",
        views.PasswordResetConfirmView.as_view(),
        name="password-reset-confirm",
    ),
    path("password-reset/done/", views.PasswordResetDoneView.as_view(), name="password-reset-done"),
    path("welcome/<token>/", views.welcome_action, name="welcome"),
    path("confirm/<token>/", views.confirm_page, name="confirm"),
    path("settings/", membersviews.members_page, name="settings"),
    path("settings/members/", membersviews.members_page, name="settings-members"),
    path("settings/members/<uuid:user_id>/", membersviews.member_action, name="settings-member"),
    path(
        "settings/invitations/<uuid:invitation_id>/revoke/",
        membersviews.invitation_revoke_action,
        name="settings-invitation-revoke",
    ),
    path("settings/groups/", groupviews.groups_page, name="settings-groups"),
    path("settings/groups/<uuid:group_id>/", groupviews.group_action, name="settings-group"),
    path("invitation/<str:token>/", membersviews.invitation_page, name="invitation"),
    path("settings/keys/", keysviews.keys_page, name="settings-keys"),
    path(
        "settings/keys/<uuid:key_id>/revoke/",
        keysviews.key_revoke_action,
        name="settings-key-revoke",
    ),
    path(
        "settings/keys/service-accounts/",
        keysviews.program_create_action,
        name="settings-program-create",
    ),
    path(
        "settings/keys/service-accounts/<uuid:program_id>/delete/",
        keysviews.program_delete_action,
        name="settings-program-delete",
    ),
    path("settings/audit/", auditviews.audit_page, name="settings-audit"),
    path("settings/audit/export/", auditviews.audit_export, name="settings-audit-export"),
    path("settings/language/", views.language_action, name="settings-language"),
    path("settings/workspace/", views.workspace_page, name="settings-workspace"),
    path("settings/workspace/name/", views.rename_action, name="settings-rename"),
    path("settings/workspace/setup/", views.setup_action, name="settings-setup"),
    path("settings/workspace/confirm/", views.confirm_again_action, name="settings-confirm"),
]

api_urlpatterns = [
    path("audit/", auditapi.AuditView.as_view(), name="api_audit"),
    path("keys/", keysapi.KeysView.as_view(), name="api_keys"),
    path("keys/<uuid:key_id>/", keysapi.KeyView.as_view(), name="api_key"),
    path("service-accounts/", keysapi.ProgramsView.as_view(), name="api_programs"),
    path(
        "service-accounts/<uuid:program_id>/",
        keysapi.ProgramView.as_view(),
        name="api_program",
    ),
    path("members/", membersapi.MembersView.as_view(), name="api_members"),
    path("members/<uuid:user_id>/", membersapi.MemberView.as_view(), name="api_member"),
    path("groups/", groupsapi.GroupsView.as_view(), name="api_groups"),
    path("groups/<uuid:group_id>/", groupsapi.GroupView.as_view(), name="api_group"),
    path(
        "groups/<uuid:group_id>/members/<uuid:user_id>/",
        groupsapi.GroupMemberView.as_view(),
        name="api_group_member",
    ),
    path("invitations/", membersapi.InvitationsView.as_view(), name="api_invitations"),
    path(
        "invitations/<uuid:invitation_id>/",
        membersapi.InvitationView.as_view(),
        name="api_invitation",
    ),
]
