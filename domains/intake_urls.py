"""Addresses of what brings reports in: roads, files, disputes, failure reports."""

from django.urls import path

from domains.views import report_failures, report_files, report_roads

urlpatterns = [
    path("domains/<str:name>/reports/upload", report_files.upload, name="report-upload"),
    path("domains/<str:name>/reports/files", report_files.files, name="domain-report-files"),
    path("domains/<str:name>/reports/files/retry", report_files.retry_all, name="domain-report-files-retry"),
    path("domains/<str:name>/reports/disputes/<int:identifier>", report_files.dispute, name="report-dispute"),
    path("domains/<str:name>/reports/failures", report_failures.failures, name="report-failures"),
    path("domains/<str:name>/reports/failures/<int:identifier>", report_failures.failure, name="report-failure"),
    path("reports/upload", report_files.upload, name="report-upload-all"),
    path("reports/files", report_files.files, name="report-files"),
    path("reports/files/retry", report_files.retry_all, name="report-files-retry"),
    path("reports/files/<int:identifier>", report_files.download, name="report-file"),
    path("reports/files/<int:identifier>/retry", report_files.retry, name="report-file-retry"),
    path("reports/files/<int:identifier>/delete", report_files.delete, name="report-file-delete"),
    path("reports/keeping", report_failures.keep, name="report-keeping"),
    path("reports/roads", report_roads.roads, name="report-roads"),
    path("reports/roads/add", report_roads.add, name="report-mailbox-add"),
    path("reports/roads/<int:identifier>", report_roads.change, name="report-mailbox"),
    path("reports/roads/<int:identifier>/try", report_roads.look, name="report-mailbox-try"),
    path("reports/roads/<int:identifier>/delete", report_roads.delete, name="report-mailbox-delete"),
]
