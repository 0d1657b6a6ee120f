"""TLS reports of a domain: how many sessions went through, and which failed where and why."""

from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from domains.services.provision import get_domain_for
from domains.services.tls_figures import tls_days, tls_troubles
from domains.services.tls_reports import tls_reports_of, tls_reports_on
from domains.views.chart import by_weeks, stacked
from domains.views.frame import domain_page
from domains.views.report_export import download, wanted_format
from domains.views.report_span import SPANS, span_of
from domains.views.web import act_of_request, page_of, typed

REPORTS = 20
SERIES = ("succeeded", "failed")
COLUMNS = ("result", "mx", "policy", "reason", "sessions", "reporters", "last_day")

# RFC 8460 section 4.3.
RESULTS: dict[str, Promise] = {
    "starttls-not-supported": lazy("The server offered no encryption."),
    "certificate-host-mismatch": lazy("The certificate is for another name."),
    "certificate-expired": lazy("The certificate has expired."),
    "certificate-not-trusted": lazy("The certificate is not trusted."),
    "validation-failure": lazy("The check failed for another reason."),
    "tlsa-invalid": lazy("The TLSA record cannot be used."),
    "dnssec-invalid": lazy("The DNS answer was not validated."),
    "dane-required": lazy("DANE was required and not there."),
    "sts-policy-fetch-error": lazy("The MTA-STS policy could not be fetched."),
    "sts-policy-invalid": lazy("The MTA-STS policy cannot be read."),
    "sts-webpki-invalid": lazy("The certificate of the policy's host is not valid."),
}


def tls(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show or download what failed."""
    domain = get_domain_for(act_of_request(request), name)
    span = span_of(request)
    troubles = tls_troubles(domain, span.first_day, span.last_day)
    wanted = wanted_format(request)
    if wanted:
        rows = (
            (one.result, one.mx, one.policy, one.reason, one.sessions, one.reporters, one.last_day.isoformat())
            for one in troubles
        )
        return download(wanted, f"tls-failures-{domain.name}", COLUMNS, rows)
    found = {
        one.day: {"succeeded": one.succeeded, "failed": one.failed}
        for one in tls_days(domain, span.first_day, span.last_day)
    }
    length = (span.last_day - span.first_day).days + 1
    days = [(day, found.get(day, {})) for day in (span.first_day + timedelta(days=n) for n in range(length))]
    result, mx = typed(request, "result"), typed(request, "mx")
    return domain_page(
        request,
        "domains/report_tls.html",
        domain,
        "domain-reports",
        chart=stacked(by_weeks(days), SERIES, lambda first, last: f"?from={first}&to={last}#latest"),
        succeeded=sum(one["succeeded"] for one in found.values()),
        failed=sum(one["failed"] for one in found.values()),
        troubles=[
            (one, RESULTS.get(one.result, ""), urlencode({"result": one.result, "mx": one.mx})) for one in troubles
        ],
        nothing=not tls_reports_of(domain).exists(),
        reports=page_of(request, tls_reports_on(domain, span.first_day, span.last_day, result, mx), REPORTS),
        filters=[text for text in (result, mx) if text],
        span=span,
        spans=SPANS,
    )
