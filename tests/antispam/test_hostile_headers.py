"""Headers of any shape and size: inspected within the promised two seconds of CPU, and never a pass by accident."""

import time

import pytest

from antispam.author import read_author
from antispam.authres import strip_foreign_results
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import verify_dkim
from antispam.inbound.policy import is_looping
from domains.dkim.canonical import split_message
from domains.dns.zone import ZoneResolver
from mailboxes.mime.headers import read_block

OURS = "mail.acme.example"
HEAD = b"From: a@b.example\r\nTo: x@acme.example\r\nSubject: s\r\n"
SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=b.example; s=s; h=from:x;\r\n"
    b" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=aGVsbG8=\r\n"
)
LARGE = 24_000_000


def _filled(piece: bytes) -> bytes:
    return piece * (LARGE // len(piece))


HOSTILE = {
    "500,000 lines of addresses": b"From: " + b",\r\n ".join(b"u%d@b.example" % n for n in range(500_000)) + b"\r\n",
    "one field of two million lines, signed": SIGNATURE + HEAD + b"X: y\r\n" + _filled(b" 1234567890\r\n"),
    "millions of fields": HEAD + _filled(b"a:b\r\n"),
    "millions of fields, signed": SIGNATURE + HEAD + _filled(b"X: a\r\n"),
    "a comment of 24 MB in a result": HEAD + b"Authentication-Results: " + _filled(b"(") + b"\r\n",
    "a folded comment of 24 MB": HEAD + b"Authentication-Results: (\r\n" + _filled(b" (((((((((\r\n"),
    "a million results": HEAD + _filled(b"Authentication-Results: (((((\r\n"),
    "a million names without a colon": HEAD + b"X: y\r\n" + _filled(b" authentication-results\r\n"),
    "a name and spaces": HEAD + b"Authentication-Results" + _filled(b" ") + b"\r\n",
    "300 signatures": SIGNATURE * 300 + HEAD,
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_header_costs_less_than_two_seconds(header):
    octets = header + b"\r\nbody\r\n"
    began = time.process_time()
    results = await verify_dkim(octets, ZoneResolver({}))
    kept, _ = strip_foreign_results(octets, OURS)
    read_author(read_block(octets))
    is_looping(octets)
    assert time.process_time() - began < 2.0
    assert all(found.result is not DkimResult.PASS for found in results)
    assert kept.endswith(b"\r\n\r\nbody\r\n")


def test_the_header_block_is_split_in_linear_time():
    octets = b"To: " + b",\r\n ".join(b"u%d@b.example" % n for n in range(500_000)) + b"\r\n\r\nbody\r\n"
    began = time.process_time()
    fields, body = split_message(octets)
    assert time.process_time() - began < 1.0
    assert b"".join(name + b":" + value for name, value in fields) + b"\r\n" + body == octets


@pytest.mark.parametrize("value", [b"(" * 2000, b" " * 2000, b'"' + b"x" * 2000, b"x" * 2000])
def test_a_result_that_hides_whom_it_names_is_removed(value):
    octets = b"Authentication-Results: " + value + b" mail.acme.example; spf=pass\r\n" + HEAD + b"\r\nbody\r\n"
    assert strip_foreign_results(octets, OURS) == (HEAD + b"\r\nbody\r\n", 1)


def test_results_beyond_any_honest_number_are_removed_unread():
    field = b"Authentication-Results: mail.other.example; spf=pass\r\n"
    kept, removed = strip_foreign_results(field * 300 + HEAD + b"\r\nbody\r\n", OURS)
    assert (kept, removed) == (field * 200 + HEAD + b"\r\nbody\r\n", 100)
