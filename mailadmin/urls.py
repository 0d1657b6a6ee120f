"""The panel's addresses: include() only."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from domains.views.web import Audience, audience
from mailadmin.api import api, not_found

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    re_path(r"^api/", audience(Audience.PUBLIC)(not_found), name="api-not-found"),
    path("", include("mailadmin.dashboard.urls")),
    path("", include("mailadmin.access.urls")),
    path("", include("antispam.urls")),
    path("", include("mailboxes.urls")),
    path("", include("domains.urls")),
]
