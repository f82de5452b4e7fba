from django.urls import path

from documents import api, askviews, uploadapi, viewerviews, views

html_urlpatterns = [
    path("documents/", views.document_list, name="document_list"),
    path("documents/bulk/", views.document_bulk_submit, name="document_bulk"),
    path("documents/rows/", views.document_rows, name="document_rows"),
    path("documents/<uuid:document_id>/", viewerviews.document_view, name="document_view"),
    path(
        "documents/<uuid:document_id>/segments/<int:index>/",
        viewerviews.document_segment,
        name="document_segment",
    ),
    path(
        "documents/<uuid:document_id>/pages/<int:index>/",
        viewerviews.document_page,
        name="document_page",
    ),
    path(
        "documents/<uuid:document_id>/pages/<int:index>/words/",
        viewerviews.document_words,
        name="document_words",
    ),
    path("documents/<uuid:document_id>/state/", viewerviews.document_state, name="document_state"),
    path(
        "documents/<uuid:document_id>/original/",
        viewerviews.document_original,
        name="document_original",
    ),
    path(
        "documents/<uuid:document_id>/delete/",
        views.document_delete_submit,
        name="document_delete",
    ),
    path(
        "documents/<uuid:document_id>/replace/",
        views.document_replace_submit,
        name="document_replace",
    ),
    path("documents/<uuid:document_id>/retry/", views.document_retry_submit, name="document_retry"),
    path("documents/<uuid:document_id>/tags/", views.document_tags_submit, name="document_tags"),
    path(
        "documents/<uuid:document_id>/rename/",
        views.document_rename_submit,
        name="document_rename",
    ),
    path("ask/", askviews.ask_page, name="ask"),
]

api_urlpatterns = [
    path("documents/", api.DocumentListView.as_view(), name="api_documents"),
    path("documents/bulk/", api.DocumentBulkView.as_view(), name="api_documents_bulk"),
    path("documents/uploads/", uploadapi.UploadListView.as_view(), name="api_uploads"),
    path("documents/uploads/<uuid:upload_id>/", uploadapi.UploadView.as_view(), name="api_upload"),
    path(
        "documents/uploads/<uuid:upload_id>/parts/",
        uploadapi.UploadPartsView.as_view(),
        name="api_upload_parts",
    ),
    path(
        "documents/uploads/<uuid:upload_id>/complete/",
        uploadapi.UploadCompleteView.as_view(),
        name="api_upload_complete",
    ),
    path("documents/<uuid:document_id>/", api.DocumentView.as_view(), name="api_document"),
    path(
        "documents/<uuid:document_id>/retry/",
        api.DocumentRetryView.as_view(),
        name="api_document_retry",
    ),
    path(
        "documents/<uuid:document_id>/versions/",
        api.DocumentVersionsView.as_view(),
        name="api_document_versions",
    ),
    path(
        "documents/<uuid:document_id>/text/",
        api.DocumentTextView.as_view(),
        name="api_document_text",
    ),
    path("ask/", api.AskView.as_view(), name="api_ask"),
]
