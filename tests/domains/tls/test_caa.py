"""CAA as text, and whether the records of a name let our account issue."""

import dns.rdata
import pytest

from domains.tls.caa import Permission, is_allowed, parse_permission, serialise_permission

URI = "https://ca.example/acct/1"
OURS = serialise_permission("ca.example", URI)


def test_the_text_is_one_that_a_dns_library_reads_back():
    assert OURS == '0 issue "ca.example; accounturi=https://ca.example/acct/1"'
    assert dns.rdata.from_text("IN", "CAA", OURS).to_text() == OURS


@pytest.mark.parametrize(
    "uri", ["", "https://ca.example/a;b", 'https://ca.example/"', "https://ca.example/a b", "x\ny", "é"]
)
def test_an_address_that_no_record_can_hold_is_left_out(uri):
    assert serialise_permission("ca.example", uri) == '0 issue "ca.example"'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('0 issue "CA.example"', Permission("ca.example")),
        ("0 issue ca.example", Permission("ca.example")),
        ('128 ISSUE " ca.example ; AccountURI = u ; x=1"', Permission("ca.example", {"accounturi": "u", "x": "1"})),
        ('0 issue ";"', Permission("")),
        ('0 issue ""', Permission("")),
        ('0 issuewild "ca.example"', None),
        ('0 iodef "mailto:a@b.example"', None),
        ("nonsense", None),
        ("", None),
        ('0 issue "ca.example\n"', Permission("ca.example")),
    ],
)
def test_what_a_record_says(text, found):
    assert parse_permission(text) == found


@pytest.mark.parametrize(
    ("texts", "allowed"),
    [
        ([], None),
        (['0 iodef "mailto:a@b.example"'], None),
        (['0 issuewild "other.example"'], None),
        ([OURS], True),
        (['0 issue "ca.example"'], True),
        (['0 issue "other.example"', OURS, '0 issue "third.example"'], True),
        (['0 issue "other.example"'], False),
        (['0 issue ";"'], False),
        (['0 issue "ca.example; accounturi=https://ca.example/acct/2"'], False),
        (['0 issue "ca.example.evil.example"'], False),
    ],
)
def test_what_a_name_allows(texts, allowed):
    assert is_allowed(OURS, texts) is allowed
