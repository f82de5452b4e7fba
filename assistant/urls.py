from django.urls import path

from assistant import (
    api,
    attachapi,
    helpviews,
    keepingapi,
    keepingviews,
    recordviews,
    textapi,
    textviews,
    trustviews,
    views,
)

html_urlpatterns = [
    path("assistant/", views.assistant_home, name="assistant"),
    path("assistant/<uuid:conversation_id>/", views.conversation_page, name="conversation"),
    path(
        "assistant/<uuid:conversation_id>/rename/",
        views.conversation_rename_submit,
        name="conversation_rename",
    ),
    path(
        "assistant/<uuid:conversation_id>/delete/",
        views.conversation_delete_submit,
        name="conversation_delete",
    ),
    path(
        "assistant/<uuid:conversation_id>/pin/",
        keepingviews.conversation_pin_submit,
        name="conversation_pin",
    ),
    path(
        "assistant/<uuid:conversation_id>/share/",
        keepingviews.conversation_share_submit,
        name="conversation_share",
    ),
    path(
        "assistant/<uuid:conversation_id>/attachments/<uuid:attachment_id>/keep/",
        keepingviews.attachment_keep_submit,
        name="attachment_keep",
    ),
    path(
        "assistant/<uuid:conversation_id>/export/",
        keepingviews.conversation_export,
        name="conversation_export",
    ),
    path(
        "assistant/<uuid:conversation_id>/answers/<uuid:message_id>/rate/",
        keepingviews.answer_rate_submit,
        name="answer_rate",
    ),
    path(
        "assistant/shared/<uuid:conversation_id>/",
        keepingviews.conversation_shared,
        name="conversation_shared",
    ),
    path(
        "assistant/<uuid:conversation_id>/choose/",
        views.branch_choose_submit,
        name="branch_choose",
    ),
    path(
        "assistant/<uuid:conversation_id>/messages/",
        views.conversation_stretch,
        name="conversation_stretch",
    ),
    path("assistant/list/", views.conversation_rows, name="conversation_rows"),
    path("assistant/answers/<uuid:message_id>/why/", views.answer_why, name="answer_why"),
    path("settings/trust/", trustviews.trust_page, name="settings-trust"),
    path("settings/trust/document/", trustviews.trust_document, name="settings-trust-document"),
    path("requests/<uuid:request_id>/", recordviews.request_record, name="request_record"),
    path("write/", views.write_page, name="write"),
    path("write/texts/", textviews.texts_page, name="texts"),
    path("write/texts/<uuid:text_id>/", textviews.text_page, name="text"),
    path("write/texts/<uuid:text_id>/rename/", textviews.text_rename_submit, name="text_rename"),
    path("write/texts/<uuid:text_id>/restore/", textviews.text_restore_submit, name="text_restore"),
    path("write/texts/<uuid:text_id>/delete/", textviews.text_delete_submit, name="text_delete"),
    path("write/texts/<uuid:text_id>/export/", textviews.text_export, name="text_export"),
    path("help/", helpviews.help_home, name="help"),
    path("help/<slug:slug>/", helpviews.help_article, name="help_article"),
]

api_urlpatterns = [
    path("conversations/", api.ConversationListView.as_view(), name="api_conversations"),
    path(
        "conversations/<uuid:conversation_id>/",
        api.ConversationView.as_view(),
        name="api_conversation",
    ),
    path(
        "conversations/<uuid:conversation_id>/messages/",
        api.MessageListView.as_view(),
        name="api_messages",
    ),
    path(
        "conversations/<uuid:conversation_id>/messages/<uuid:message_id>/regenerate/",
        api.MessageAgainView.as_view(),
        name="api_message_again",
    ),
    path(
        "conversations/<uuid:conversation_id>/messages/<uuid:message_id>/edit/",
        api.MessageEditView.as_view(),
        name="api_message_edit",
    ),
    path(
        "conversations/<uuid:conversation_id>/messages/<uuid:message_id>/rating/",
        keepingapi.RatingView.as_view(),
        name="api_rating",
    ),
    path(
        "conversations/<uuid:conversation_id>/export/",
        keepingapi.ExportView.as_view(),
        name="api_export",
    ),
    path(
        "conversations/shared/",
        keepingapi.SharedListView.as_view(),
        name="api_shared_list",
    ),
    path(
        "conversations/shared/<uuid:conversation_id>/",
        keepingapi.SharedView.as_view(),
        name="api_shared",
    ),
    path(
        "conversations/<uuid:conversation_id>/attachments/",
        attachapi.AttachmentListView.as_view(),
        name="api_attachments",
    ),
    path(
        "conversations/<uuid:conversation_id>/attachments/<uuid:attachment_id>/",
        attachapi.AttachmentView.as_view(),
        name="api_attachment",
    ),
    path(
        "conversations/<uuid:conversation_id>/attachments/<uuid:attachment_id>/keep/",
        attachapi.AttachmentKeepView.as_view(),
        name="api_attachment_keep",
    ),
    path(
        "conversations/<uuid:conversation_id>/choose/",
        api.BranchView.as_view(),
        name="api_branch",
    ),
    path(
        "conversations/<uuid:conversation_id>/actions/",
        api.ActionListView.as_view(),
        name="api_actions",
    ),
    path(
        "conversations/<uuid:conversation_id>/actions/<uuid:action_id>/",
        api.ActionView.as_view(),
        name="api_action",
    ),
    path(
        "conversations/<uuid:conversation_id>/stop/",
        api.StopView.as_view(),
        name="api_conversation_stop",
    ),
    path("write/", api.WriteView.as_view(), name="api_write"),
    path("write/texts/", textapi.TextListView.as_view(), name="api_texts"),
    path("write/texts/<uuid:text_id>/", textapi.TextView.as_view(), name="api_text"),
    path(
        "write/texts/<uuid:text_id>/restore/",
        textapi.TextRestoreView.as_view(),
        name="api_text_restore",
    ),
    path(
        "write/texts/<uuid:text_id>/export/",
        textapi.TextExportView.as_view(),
        name="api_text_export",
    ),
    path("help/", helpviews.HelpListView.as_view(), name="api_help"),
    path("help/<slug:slug>/", helpviews.HelpView.as_view(), name="api_help_article"),
]
