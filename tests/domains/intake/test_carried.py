"""Who sent a mail that another server took in: believed as far as its topmost results, and no further."""

import pytest

from domains.dmarc.carried import Carrier, carrier_of

PROVEN = Carrier("a.example", True)
UNPROVEN = Carrier("reporter.example", False)
RESULTS = "Authentication-Results: mx.far.example;"
TRUSTED = "mx.far.example"


def mail(*fields: str) -> bytes:
    return "".join(f"{field}\r\n" for field in fields).encode() + b"\r\nFrom: body@body.example\r\n"


FROM = "From: Reports <noreply@Reporter.example>"
PASS = "Authentication-Results: mx.far.example; dmarc=pass header.from=reporter.example"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((PASS, FROM), Carrier("reporter.example", True)),
        # the words of Gmail, with comments that hold what could mislead
        (
            (
                "Authentication-Results: mx.far.example;\r\n  dkim=pass header.i=@reporter.example header.s=s;\r\n"
                "       spf=pass (far: x; dmarc=fail) smtp.mailfrom=a@b.example;\r\n"
                "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=Reporter.example",
                FROM,
            ),
            Carrier("reporter.example", True),
        ),
        (('Authentication-Results: "mx.far.example" 1; dmarc=pass header.from=a.example', FROM), PROVEN),
        (("Authentication-Results: MX.far.example; DMARC = PASS header.from = a.example", FROM), PROVEN),
        ((PASS.replace("pass", "fail"), FROM), UNPROVEN),
        # another server's results, and the trusted one's name further down, where anybody may write it
        (("Authentication-Results: other.example; dmarc=pass header.from=a.example", FROM), UNPROVEN),
        (("Authentication-Results: other.example; none", PASS, FROM), UNPROVEN),
        ((RESULTS.replace(";", ".evil.example; ") + "dmarc=pass header.from=a.example", FROM), UNPROVEN),
        # inside a comment, a quoted string, or another method's value it is no result
        ((RESULTS + " (dmarc=pass header.from=a.example) none", FROM), UNPROVEN),
        ((RESULTS + ' spf=fail reason="; dmarc=pass header.from=a.example"', FROM), UNPROVEN),
        ((RESULTS + " spf=fail smtp.mailfrom=dmarc=pass", FROM), UNPROVEN),
        ((RESULTS + " dmarc=pass", FROM), UNPROVEN),
        ((FROM,), UNPROVEN),
        (("Return-Path: <bounce@mta.example>", FROM), Carrier("mta.example", False)),
        (("Return-Path: <>", FROM), UNPROVEN),
        (("Subject: nobody",), Carrier("", False)),
    ],
)  # fmt: skip
def test_who_sent_it(fields, expected):
    assert carrier_of(mail(*fields), TRUSTED) == expected


def test_without_a_trusted_server_nothing_is_authenticated():
    assert carrier_of(mail(PASS, FROM), "") == UNPROVEN


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"\0\xff" * 1000,
        b"Authentication-Results: mx.far.example; " + b"(" * 1_000_000,
        b"Authentication-Results: " + b'"\\' * 500_000,
        b"A:\r\n" * 300_000,
        b"From: " + b"a@" * 500_000,
    ],
    ids=["empty", "blank", "binary", "parentheses", "quotes", "fields", "ats"],
)
def test_hostile_octets_give_an_answer_in_time(octets):
    assert not carrier_of(octets, TRUSTED).authenticated
