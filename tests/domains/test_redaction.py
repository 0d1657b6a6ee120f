"""Persons are taken out of traces; what happened stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.redaction import kept_terms, redact_client, redact_text, redact_value

OURS = {"acme.example"}
TEXTS = [
    ("bob@far.example", "…@far.example", "an address of others"),
    ("alice@acme.example", "alice@acme.example", "an address of ours"),
    ("Alice@ACME.example", "Alice@ACME.example", "in capitals"),
    ("alice@acme.example.evil.example", "…@acme.example.evil.example", "a domain that only begins like ours"),
    ("SRS0=abc=xy=far.example=bob@acme.example", "…@acme.example", "a sender of others in an address of ours"),
    ("bounce-bob=home.example@list.example", "…@list.example", "an address within an address"),
    ('"bob b"@far.example is unknown', "…@far.example is unknown", "a quoted local part"),
    ("<bob@far.example>... No such user <amy@x.example>", "<…@far.example>... No such user <…@x.example>", "a reply"),
    ("jürgen@bücher.example", "…@bücher.example", "letters of their own"),
    ("bob@[192.0.2.7]", "…@[192.0.2.0]", "an address literal"),
    ("client 192.0.2.7.", "client 192.0.2.0.", "a client at a sentence's end"),
    ("[192.0.2.7]:25", "[192.0.2.0]:25", "with a port"),
    ("550 5.7.1 no", "550 5.7.1 no", "codes"),
    ("ip4:192.0.2.7", "ip4:192.0.2.0", "an SPF term"),
    ("7.2.0.192.in-addr.arpa", "….in-addr.arpa", "a reverse name"),
    ("host-192-0-2-7.isp.example", "host-….isp.example", "a host named by its address"),
    ("from 2001:db8:1:2::7 by", "from 2001:db8:1:: by", "IPv6"),
    ("IPv6:2001:db8:1:2::7", "IPv6:2001:db8:1::", "an IPv6 literal"),
    ("at 12:30:45 on 2026-11-25", "at 12:30:45 on 2026-11-25", "times and dates"),
    ("2026-11-25T12:30:45.123456+00:00", "2026-11-25T12:30:45.123456+00:00", "an ISO time"),
    ("queued as 01m88b7v4nns2awxfxee53xswe", "queued as 01m88b7v4nns2awxfxee53xswe", "an identifier"),
]


@pytest.mark.parametrize(("text", "left", "why"), TEXTS, ids=[why for _, _, why in TEXTS])
def test_a_text_names_nobody_afterwards(text, left, why):
    assert redact_text(text, OURS) == left
    assert redact_text(left, OURS) == left


def test_a_clients_network_is_kept():
    assert redact_client("192.0.2.7") == "192.0.2.0"
    assert redact_client("2001:db8:1:2::7") == "2001:db8:1::"
    assert redact_client(None) is None


def test_values_are_redacted_however_deep_and_dns_answers_go():
    value = {"to": ["bob@far.example", {"deep": "bob@far.example"}], "dns": [{"name": "x"}], "size": 3, "tls": True}
    assert redact_value(value, OURS) == {"to": ["…@far.example", {"deep": "…@far.example"}], "size": 3, "tls": True}


def test_terms_that_name_somebody_go():
    terms = [
        "bob@far.example",
        "@far.example",
        "~acme.example",
        "<1@far.example>",
        "=550",
        "=bob@far.example",
        "=192.0.2.7",
    ]
    assert kept_terms(terms) == ["@far.example", "~acme.example", "<1@far.example>", "=550"]


@given(st.text(max_size=300))
def test_no_text_raises_and_a_second_time_changes_nothing(text):
    once = redact_text(text, OURS)
    assert redact_text(once, OURS) == once


def test_a_hostile_text_takes_no_time():
    for text in ("@" * 2000, "a@" * 1000, ":" * 2000, "1." * 1000, "1-" * 1000, "f:" * 1000, '"' * 2000, "." * 2000):
        redact_text(text, OURS)
