"""Addresses of what brings reports in."""

from django.urls import path

from domains.views import report_roads

urlpatterns = [
    path("reports/roads", report_roads.roads, name="report-roads"),
    path("reports/roads/add", report_roads.add, name="report-mailbox-add"),
    path("reports/roads/<int:identifier>", report_roads.change, name="report-mailbox"),
    path("reports/roads/<int:identifier>/try", report_roads.look, name="report-mailbox-try"),
    path("reports/roads/<int:identifier>/delete", report_roads.delete, name="report-mailbox-delete"),
]
