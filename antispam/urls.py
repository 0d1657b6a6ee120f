"""Addresses of what we think of mail from outside."""

from django.urls import path

from antispam.views import dmarc_what_if, incoming, limits, message, spf_what_if, what_if

urlpatterns = [
    path("incoming-limits", limits.limits, name="incoming-limits"),
    path("domains/<str:name>/incoming", incoming.incoming, name="domain-incoming"),
    path("domains/<str:name>/reports/what-if", dmarc_what_if.replay, name="report-what-if"),
    path("domains/<str:name>/reports/spf-what-if", spf_what_if.try_record, name="spf-what-if"),
    path("messages/<str:identifier>", message.message, name="message"),
    path("messages/<str:identifier>/what-if", what_if.ask, name="what-if"),
]
