"""Received fields as the servers of the world write them, and as no server would."""

from datetime import UTC, datetime

import pytest

from mailboxes.mime.headers import read_block
from mailboxes.mime.received import KEPT_LINES, READ_CHARACTERS, parse_received, received_texts

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
AT = "; Mon, 01 Jun 2026 12:00:00 +0200"

# value, from, address, reverse name, by, encrypted, TLS, why
LINES = [
    (
        "from helo.a.example (mail.a.example [192.0.2.1]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256"
        " bits) (No client certificate requested)) by mx.b.example (Postfix) with ESMTPS id 4A for <b@b.example>",
        ("helo.a.example", "192.0.2.1", "mail.a.example", "mx.b.example", True, "TLS 1.3"),
        "Postfix; comments nest",
    ),
    (
        "from [2001:db8::1] (helo=x) by exim.example with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96)"
        " (envelope-from <a@b.example>) id 1x-2",
        ("[2001:db8::1]", "2001:db8::1", "", "exim.example", True, "TLS 1.3"),
        "Exim; the tls clause of RFC 8314",
    ),
    (
        "from out.example (out.example. [209.85.220.41]) by mx.example with SMTPS id a for <x@y.example>",
        ("out.example", "209.85.220.41", "out.example", "mx.example", True, ""),
        "the protocol alone says it",
    ),
    (
        "from A.example (2001:db8:cc::21) by B.example (2001:db8::1) with Microsoft SMTP Server (version=TLS1_2,"
        " cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.1.1",
        ("A.example", "2001:db8:cc::21", "", "B.example", True, "TLS 1.2"),
        "Exchange: no keyword of RFC 3848",
    ),
    (
        "from old.example (unknown [192.0.2.7]) by relay.example with ESMTP id 1",
        ("old.example", "192.0.2.7", "", "relay.example", False, ""),
        "in the clear; the reverse name is not known",
    ),
    ("by web.example with HTTP id 1", ("", "", "", "web.example", False, ""), "a form on a page"),
    ("from a.example by b.example id 7", ("a.example", "", "", "b.example", None, ""), "nothing told"),
    ("(qmail 1234 invoked by uid 89)", ("", "", "", "", None, ""), "a comment is no clause"),
    ("from by by by", ("by", "", "", "by", None, ""), "a name may be a keyword"),
]


@pytest.mark.parametrize(("value", "expected", "why"), LINES)
def test_a_line_is_read_as_its_server_meant_it(value: str, expected: tuple[object, ...], why: str) -> None:
    line = parse_received(value + AT)
    seen = (line.from_name, line.from_address, line.reverse_name, line.by, line.encrypted, line.tls)
    assert seen == expected, why
    assert line.at == NOON


def test_a_checked_client_certificate_is_noted() -> None:
    line = parse_received('from a (using TLSv1.2) (Client CN "a", Issuer "i" (verified OK)) by b with ESMTPS; x')
    assert line.client_verified
    assert line.at is None


@pytest.mark.parametrize(
    "value", ["", ";", "(" * 5000, ")" * 5000, "\\" * 5000, "from " * 2000, "\0" * 900, "; " + "9" * 5000, "(a" * 400]
)
def test_no_octets_stop_the_reader(value: str) -> None:
    parse_received(value)


def test_the_newest_lines_are_kept_whole_as_text() -> None:
    header = "".join(f"Received: by r{n}.example\r\n\tid {n}{'x' * 2000}\r\n" for n in range(KEPT_LINES + 9))
    texts = received_texts(read_block(f"{header}\r\n".encode()).fields)
    assert len(texts) == KEPT_LINES
    assert texts[0].startswith("by r0.example\tid 0")
    assert max(map(len, texts)) == READ_CHARACTERS
