"""BIMI records, which URLs may stand in them, and what keeps a logo from being shown."""

import pytest

from domains.dmarc.bimi import (
    BadBimiRecord,
    BimiRecord,
    cautions,
    fault_of_url,
    parse_bimi_record,
    serialise_bimi_record,
)
from domains.dmarc.record import PolicyRecord
from domains.lint.finding import Kind, Level
from domains.lint.record import lint_record

LOGO = "https://acme.example/logo.svg"
WITH = BimiRecord(LOGO, "https://acme.example/logo.pem")

URLS = [
    (LOGO, "", "an SVG over https"),
    ("HTTPS://cdn.acme.example:8443/a/b/Logo.SVGZ?v=2", "", "with a port and a query"),
    ("http://acme.example/logo.svg", "https", "not encrypted"),
    ("//acme.example/logo.svg", "https", "no scheme"),
    ("https:///logo.svg", "https", "no host"),
    ("https://192.0.2.1/logo.svg", "https", "an address"),
    ("https://localhost/logo.svg", "https", "a name without a dot"),
    ("https://user:secret@acme.example/logo.svg", "https", "a password"),
    ("https://acme.example:99999/logo.svg", "https", "no such port"),
    ("https://acme.example/logo.svg#x", "https", "a fragment"),
    ("https://[::1/logo.svg", "https", "a broken address"),
    ("javascript:alert(1)//.svg", "https", "a script"),
    ("https://acme.example/logo.png", "svg", "no SVG"),
    ("https://acme.example/?logo.svg", "svg", "the name is in the query"),
    ("https://acme.example/a;b.svg", "characters", "a semicolon ends the tag"),
    ("https://acme.example/a,b.svg", "characters", "a comma separates"),
    ("https://acme.example/a b.svg", "characters", "a space"),
    ("https://acme.example/a\n.svg", "characters", "a newline"),
    ("https://acme.example/a\0.svg", "characters", "NUL"),
    ("https://acme.example/é.svg", "characters", "to be encoded"),
    (f"https://acme.example/{'a' * 500}.svg", "characters", "too long"),
]


@pytest.mark.parametrize(("url", "fault", "why"), URLS, ids=[row[2] for row in URLS])
def test_urls(url, fault, why):
    assert (fault_of_url(url, logo=True) or "") == fault, why


def test_a_certificate_may_be_called_anything():
    assert fault_of_url("https://acme.example/mark", logo=False) is None


@pytest.mark.parametrize("record", [WITH, BimiRecord(LOGO)])
def test_what_is_written_is_read_again_and_has_no_error(record):
    text = serialise_bimi_record(record)
    assert parse_bimi_record(text) == record
    assert not [row for row in lint_record(Kind.BIMI, text, "default._bimi.acme.example") if row.level is Level.ERROR]


@pytest.mark.parametrize("text", ["", "v=BIMI2; l=", "l=x; v=BIMI1", "v=BIMI1; l=a; l=b"])
def test_what_is_no_record(text):
    with pytest.raises(BadBimiRecord):
        parse_bimi_record(text)


CAUTIONS = [
    (WITH, PolicyRecord("reject"), "", [], "shown"),
    (WITH, PolicyRecord("quarantine"), "v=DMARC1; p=quarantine; pct=100", [], "pct=100 says nothing"),
    (WITH, PolicyRecord("none"), "", ["policy"], "nothing is asked for"),
    (WITH, PolicyRecord("reject", subdomain_policy="none"), "", ["subdomains"], "not of subdomains"),
    (WITH, PolicyRecord("reject", testing=True), "", ["testing"], "only tested"),
    (WITH, PolicyRecord("reject"), "v=DMARC1; p=reject; pct=50", ["share"], "a share only"),
    (BimiRecord(LOGO), PolicyRecord("none"), "", ["policy", "no-certificate"], "both"),
]


@pytest.mark.parametrize(
    ("record", "policy", "published", "expected", "why"), CAUTIONS, ids=lambda value: str(value)[:9]
)
def test_cautions(record, policy, published, expected, why):
    assert list(cautions(record, policy, published)) == expected, why
