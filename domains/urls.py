"""Addresses of domains, messages and the audit log."""

from django.urls import path

from domains.views import audit, dmarc, dns, dns_access, domains, keys, lint, messages, mta_sts, plan, reports

urlpatterns = [
    path("domains", domains.domains, name="domains"),
    path("domains/add", domains.add, name="domain-add"),
    path("domains/<str:name>", domains.overview, name="domain"),
    path("domains/<str:name>/dns", dns.dns, name="domain-dns"),
    path("domains/<str:name>/dns/check", dns.check, name="domain-check"),
    path("domains/<str:name>/dns/zone", dns.zone, name="domain-zone"),
    path("domains/<str:name>/dns/plan", plan.plan, name="domain-plan"),
    path("domains/<str:name>/dns/plan/review", plan.review, name="plan-review"),
    path("domains/<str:name>/dns/plan/apply", plan.apply, name="plan-apply"),
    path("domains/<str:name>/dns/changes/<int:identifier>/undo", plan.undo, name="zone-undo"),
    path("domains/<str:name>/dns/access", dns_access.access, name="dns-access"),
    path("domains/<str:name>/dns/access/delete", dns_access.access_delete, name="dns-access-delete"),
    path("domains/<str:name>/keys", keys.keys, name="domain-keys"),
    path("domains/<str:name>/keys/add", keys.add, name="key-add"),
    path("domains/<str:name>/keys/import", keys.take_in, name="key-import"),
    path("domains/<str:name>/keys/rotation", keys.rotation, name="key-rotation"),
    path("domains/<str:name>/keys/<str:selector>/export", keys.take_out, name="key-export"),
    path("domains/<str:name>/keys/<str:selector>/replace", keys.replace, name="key-replace"),
    path("domains/<str:name>/keys/<str:selector>/revoke", keys.revoke, name="key-revoke"),
    path("domains/<str:name>/keys/<str:selector>/delete", keys.delete, name="key-delete"),
    path("domains/<str:name>/reports", reports.reports, name="domain-reports"),
    path("domains/<str:name>/reports/upload", reports.upload, name="report-upload"),
    path("domains/<str:name>/reports/<int:identifier>", reports.report, name="report"),
    path("domains/<str:name>/settings", domains.settings, name="domain-settings"),
    path("domains/<str:name>/dmarc", dmarc.change, name="dmarc-change"),
    path("domains/<str:name>/mta-sts/<str:mode>", mta_sts.change, name="mta-sts-change"),
    path("domains/<str:name>/suspend", domains.suspend, name="domain-suspend"),
    path("domains/<str:name>/delete", domains.delete, name="domain-delete"),
    path("zones", dns_access.zones, name="zones"),
    path("zones/set", dns_access.zone_set, name="zone-set"),
    path("zones/<str:zone>/delete", dns_access.zone_delete, name="zone-delete"),
    path("messages", messages.messages, name="messages"),
    path("messages/<str:identifier>", messages.message, name="message"),
    path("lint", lint.lint, name="lint"),
    path("audit", audit.audit, name="audit"),
]
