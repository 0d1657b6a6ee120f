"""The addresses of the panel and of the REST API: include() only."""

from django.urls import URLPattern, URLResolver, path, re_path

from mailadmin.api import api, not_found

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    re_path(r"^api/", not_found),
]
