from django.urls import path

from search import api, collectionviews, groupsapi, views

html_urlpatterns = [
    path("search/", views.search_page, name="search"),
    path("search/typed/", views.search_typed_results, name="search_typed"),
    path("collections/", collectionviews.collections_page, name="collections"),
    path("collections/<uuid:collection_id>/", collectionviews.collection_page, name="collection"),
    path(
        "collections/<uuid:collection_id>/delete/",
        collectionviews.collection_delete_submit,
        name="collection_delete",
    ),
    path(
        "collections/<uuid:collection_id>/groups/",
        collectionviews.group_set_submit,
        name="collection_group_set",
    ),
    path(
        "collections/<uuid:collection_id>/groups/<uuid:group_id>/remove/",
        collectionviews.group_remove_submit,
        name="collection_group_remove",
    ),
    path(
        "collections/<uuid:collection_id>/members/",
        collectionviews.member_set_submit,
        name="collection_member_set",
    ),
    path(
        "collections/<uuid:collection_id>/members/<uuid:user_id>/remove/",
        collectionviews.member_remove_submit,
        name="collection_member_remove",
    ),
]

api_urlpatterns = [
    path("search/", api.SearchView.as_view(), name="api_search"),
    path("collections/", api.CollectionListView.as_view(), name="api_collections"),
    path("collections/<uuid:collection_id>/", api.CollectionView.as_view(), name="api_collection"),
    path(
        "collections/<uuid:collection_id>/groups/",
        groupsapi.CollectionGroupsView.as_view(),
        name="api_collection_groups",
    ),
    path(
        "collections/<uuid:collection_id>/groups/<uuid:group_id>/",
        groupsapi.CollectionGroupView.as_view(),
        name="api_collection_group",
    ),
    path(
        "collections/<uuid:collection_id>/members/",
        api.MemberListView.as_view(),
        name="api_collection_members",
    ),
    path(
        "collections/<uuid:collection_id>/members/<uuid:user_id>/",
        api.MemberView.as_view(),
        name="api_collection_member",
    ),
]
