"""TLS reports: the example of RFC 8460 appendix B, what generators make of it, and what is none."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.tls.report import BadTlsReport, parse_tls_report

EXAMPLE = {
    "organization-name": "Company-X",
    "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": [
                    "version: STSv1",
                    "mode: testing",
                    "mx: *.mail.company-y.example",
                    "max_age: 86400",
                ],
                "policy-domain": "company-y.example",
                "mx-host": ["*.mail.company-y.example"],
            },
            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8:abcd:0012::1",
                    "receiving-mx-hostname": "mx1.mail.company-y.example",
                    "failed-session-count": 100,
                },
                {
                    "result-type": "starttls-not-supported",
                    "sending-mta-ip": "2001:db8:abcd:0013::1",
                    "receiving-mx-hostname": "mx2.mail.company-y.example",
                    "receiving-ip": "203.0.113.56",
                    "failed-session-count": 200,
                    "additional-information": "https://reports.company-x.example/report_info?id=5065427c",
                },
                {
                    "result-type": "validation-failure",
                    "sending-mta-ip": "198.51.100.62",
                    "receiving-ip": "203.0.113.58",
                    "receiving-mx-hostname": "mx-backup.mail.company-y.example",
                    "failed-session-count": 3,
                    "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
                },
            ],
        }
    ],
}


def octets(**changes):
    return json.dumps(EXAMPLE | changes).encode()


def test_the_example_of_the_rfc():
    report = parse_tls_report(octets())
    [policy] = report.policies
    assert (report.org_name, report.begin.isoformat()) == ("Company-X", "2016-04-01T00:00:00+00:00")
    assert (policy.policy, policy.domain, policy.succeeded, policy.failed) == ("sts", "company-y.example", 5326, 303)
    assert [(one.result, one.sessions) for one in policy.failures] == [
        ("certificate-expired", 100),
        ("starttls-not-supported", 200),
        ("validation-failure", 3),
    ]


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        ({"policy": {"policy-type": "STS", "policy-domain": "A.example."}}, ("sts", "a.example", 0, 0)),
        ({"policy": {"policy-type": "other"}, "summary": None}, ("no-policy-found", "", 0, 0)),
        ({"summary": {"total-successful-session-count": "7"}}, ("no-policy-found", "", 7, 0)),
        ({"summary": {"total-successful-session-count": -1}}, ("no-policy-found", "", 0, 0)),
        ({"summary": {"total-successful-session-count": 1e400}}, ("no-policy-found", "", 0, 0)),
        ({"failure-details": {"not": "a list"}}, ("no-policy-found", "", 0, 0)),
        ({"failure-details": [{"failed-session-count": 2}, "x"]}, ("no-policy-found", "", 0, 2)),
        ("nothing", ("no-policy-found", "", 0, 0)),
    ],
)
def test_what_generators_make_of_it(policy, counts):
    [found] = parse_tls_report(octets(policies=[policy])).policies
    assert (found.policy, found.domain, found.succeeded, found.failed) == counts


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"policies": 1}',
        b"[" * 100_000,
        octets(**{"date-range": None}),
        octets(**{"date-range": {"start-datetime": "yesterday", "end-datetime": "2016-04-01T00:00:00Z"}}),
        octets(policies=[{"failure-details": [{"failed-session-count": 10**12}, {"failed-session-count": 1}]}]),
        octets(policies=[{"summary": {"total-successful-session-count": 10**12}}] * 2),
        b" " * (6 * 1024 * 1024),
    ],
    ids=lambda wrong: repr(wrong[:20]),
)
def test_what_is_none(wrong):
    with pytest.raises(BadTlsReport):
        parse_tls_report(wrong)


_KEYS = st.sampled_from(["policies", "policy", "summary", "failure-details", "date-range", "policy-domain"])
_PLAIN = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(_PLAIN, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner)))
def test_any_json_gives_a_report_or_its_error(found):
    with suppress(BadTlsReport):
        parse_tls_report(json.dumps(found).encode())
