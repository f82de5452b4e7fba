from django.urls import path

from search import api, views

html_urlpatterns = [path("search/", views.search_page, name="search")]

api_urlpatterns = [
    path("search/", api.SearchView.as_view(), name="api_search"),
    path("collections/", api.CollectionListView.as_view(), name="api_collections"),
]
