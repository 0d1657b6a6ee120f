"""Authentication-Results: ours written so that nothing breaks out of it, forged ones removed whatever they wear."""

import time

import pytest

from antispam.authres import MethodResult, authentication_results, received_spf, strip_foreign_results

OURS = "mail.acme.example"
REST = b"From: a@b.example\r\n\r\nbody\r\n"

FORGED = [
    (b"Authentication-Results: mail.acme.example; spf=pass", "plain"),
    (b"authentication-results: mail.acme.example; spf=pass", "lower case name"),
    (b"AUTHENTICATION-RESULTS: MAIL.ACME.EXAMPLE; spf=pass", "capitals"),
    (b"Authentication-Results : mail.acme.example; spf=pass", "a space before the colon"),
    (b"Authentication-Results\r\n : mail.acme.example; spf=pass", "a fold before the colon"),
    (b"Authentication-Results:mail.acme.example;spf=pass", "no space at all"),
    (b"Authentication-Results:\r\n mail.acme.example;\r\n spf=pass", "folded before the name"),
    (b"Authentication-Results:\r\n\t\r\n mail.acme.example; spf=pass", "folded twice"),
    (b"Authentication-Results: mail.acme.example 1; spf=pass", "with a version"),
    (b"Authentication-Results: mail.acme.example.; spf=pass", "a final dot"),
    (b"Authentication-Results: (a comment) mail.acme.example; spf=pass", "a comment before"),
    (b"Authentication-Results: (a (nested) one) mail.acme.example; spf=pass", "a nested comment"),
    (b"Authentication-Results: mail.acme.example(comment); spf=pass", "a comment behind"),
    (b"Authentication-Results: (\\) still ) mail.acme.example; spf=pass", "an escaped parenthesis"),
    (b"Authentication-Results: (\r\n folded) mail.acme.example; spf=pass", "a folded comment"),
    (b'Authentication-Results: "mail.acme.example"; spf=pass', "quoted"),
    (b'Authentication-Results: "mail\\.acme.example"; spf=pass', "quoted with an escape"),
    (b"Authentication-Results: mail.acme.example", "no result"),
]
KEPT = [
    (b"Authentication-Results: mail.other.example; spf=pass", "somebody else's"),
    (b"Authentication-Results: mail.acme.example.evil.example; spf=pass", "a longer name"),
    (b"Authentication-Results: xmail.acme.example; spf=pass", "a name that ends like ours"),
    (b"Authentication-Results: other.example (mail.acme.example); spf=pass", "ours in a comment only"),
    (b"Authentication-Results:", "empty"),
    (b"Authentication-Results: (", "an open comment"),
    (b"X-Authentication-Results: mail.acme.example; spf=pass", "another field"),
    (b"Subject: Authentication-Results: mail.acme.example", "in a subject"),
    (b"ARC-Authentication-Results: i=1; mail.acme.example; spf=pass", "ARC's are another matter"),
]


@pytest.mark.parametrize(("field", "why"), FORGED, ids=[why for _, why in FORGED])
@pytest.mark.parametrize("place", ["first", "last", "alone in the block"])
def test_a_forged_result_is_removed(field, why, place):
    octets = {
        "first": field + b"\r\n" + REST,
        "last": b"From: a@b.example\r\n" + field + b"\r\n\r\nbody\r\n",
        "alone in the block": field + b"\r\n\r\nbody\r\n",
    }[place]
    kept, removed = strip_foreign_results(octets, OURS)
    assert removed == 1
    assert b"spf" not in kept
    assert kept == {"alone in the block": b"\r\nbody\r\n"}.get(place, REST)


@pytest.mark.parametrize(("field", "why"), KEPT, ids=[why for _, why in KEPT])
def test_what_does_not_claim_to_be_ours_stays(field, why):
    octets = field + b"\r\n" + REST
    assert strip_foreign_results(octets, OURS) == (octets, 0)


def test_all_forged_ones_go_and_the_body_stays_to_the_octet():
    body = b"Authentication-Results: mail.acme.example; spf=pass\r\n\r\nmore\r\n"
    octets = b"".join(field + b"\r\n" for field, _ in FORGED) + b"To: x@y.example\r\n\r\n" + body
    assert strip_foreign_results(octets, OURS) == (b"To: x@y.example\r\n\r\n" + body, len(FORGED))


COSTLY = [
    b"(" * 60_000,
    b"(" * 30_000 + b")" * 30_000,
    b"(\\(" * 20_000,
    b"\\" * 60_000,
    b'"' * 60_000,
    b" " * 60_000,
]


@pytest.mark.parametrize("value", COSTLY, ids=range(len(COSTLY)))
def test_hostile_comments_cost_linear_time(value):
    octets = b"Authentication-Results: " + value + b"\r\n" + REST
    began = time.process_time()
    strip_foreign_results(octets, OURS)
    assert time.process_time() - began < 0.5


HOSTILE = [
    "a\r\nBcc: eve@evil.example",
    "a\nb",
    "a;spf=pass",
    'a"b',
    "a\\",
    "a b",
    "\0",
    "x" * 5000,
    "é",
    "a(b",
    '"' * 300,
    "\U0001f300" * 300,
    "a/b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_value_breaks_out_of_its_place(text):
    result = MethodResult("dkim", "fail", text, [("header.d", text), ("header.s", text), ("header.a", text)])
    field = authentication_results(OURS, [result])
    assert field.startswith(b"Authentication-Results: mail.acme.example;\r\n ")
    assert field.endswith(b"\r\n")
    lines = field[:-2].split(b"\r\n")
    assert all(line[:1] == b" " for line in lines[1:])
    assert all(len(line) <= 998 for line in lines)
    assert b"\0" not in field
    assert b"\n" not in field.replace(b"\r\n", b"")


def test_without_results_it_says_none():
    assert authentication_results(OURS, []) == b"Authentication-Results: mail.acme.example;\r\n none\r\n"


def test_one_result_a_line():
    field = authentication_results(
        OURS,
        [MethodResult("spf", "pass", "", [("smtp.mailfrom", "a@b.example")]), MethodResult("dkim", "none")],
    )
    assert field == (
        b"Authentication-Results: mail.acme.example;\r\n spf=pass smtp.mailfrom=a@b.example;\r\n dkim=none\r\n"
    )


def test_a_slash_stands_in_quotes_and_an_address_needs_none():
    """RFC 2045 section 5.1: a token holds no tspecials; RFC 8601 section 2.2: a pvalue may be an address."""
    found = MethodResult("spf", "none", "n/a", [("smtp.mailfrom", "a+b@c.example"), ("smtp.helo", "a@b@c")])
    assert authentication_results(OURS, [found]).split(b"\r\n")[1] == (
        b' spf=none reason="n/a" smtp.mailfrom=a+b@c.example smtp.helo="a@b@c"'
    )


def test_received_spf():
    """RFC 7208 section 9.1: values are dot-atoms or quoted."""
    pairs = [("client-ip", "2001:db8::1"), ("envelope-from", "a@b.example"), ("helo", "h.example")]
    assert received_spf(OURS, "pass", "all matches", pairs) == (
        b"Received-SPF: pass (mail.acme.example: all matches)\r\n"
        b' client-ip="2001:db8::1";\r\n envelope-from="a@b.example";\r\n helo=h.example;\r\n'
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_breaks_out_of_received_spf(text):
    field = received_spf(OURS, "fail", text, [("helo", text), ("envelope-from", text)])
    lines = field.removesuffix(b"\r\n").split(b"\r\n")
    assert len(lines) == 3
    assert all(line[:1] == b" " and len(line) <= 998 for line in lines[1:])
    assert b"\n" not in b"".join(lines)
    assert lines[0].count(b"(") == lines[0].count(b")") == 1
