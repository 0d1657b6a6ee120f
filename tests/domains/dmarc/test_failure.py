"""Failure reports beyond the samples: bounds, cost, and what is never kept."""

import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.dmarc.failure import BadReport, NoFailureReport, parse_failure_report
from tests.domains.dmarc.samples import report_mail
from tests.domains.dmarc.test_attachments import HOSTILE

CORPUS = Path(__file__).parents[2] / "corpus" / "reports" / "failure"
SAMPLE = (CORPUS / "rfc9991.eml").read_bytes()


def with_fields(fields: bytes) -> bytes:
    start, end = SAMPLE.index(b"Feedback-Type"), SAMPLE.index(b"--=_f\nContent-Type: text/rfc822-headers")
    return SAMPLE[:start] + fields + b"\n" + SAMPLE[end:]


def test_a_body_is_never_kept():
    octets = (CORPUS / "whole-message-without-a-recipient.eml").read_bytes()
    assert b"alert(1)" in octets
    assert "alert" not in repr(parse_failure_report(octets))


def test_an_aggregate_report_is_none():
    with pytest.raises(NoFailureReport):
        parse_failure_report(report_mail())


def test_line_ends_do_not_matter():
    assert parse_failure_report(SAMPLE.replace(b"\n", b"\r\n")) == parse_failure_report(SAMPLE)


@pytest.mark.parametrize(
    "fields",
    [
        b"Feedback-Type: auth-failure\nUser-Agent: " + b"x" * 10_000_000,
        b"Feedback-Type: auth-failure\n" + b"Original-Rcpt-To: <a@b.example>\n" * 300_000,
        b"Feedback-Type: auth-failure\n" + b"Authentication-Results: x;" + b"\n y" * 1_000_000,
        b"Feedback-Type: auth-failure\n" + b"X" * 5_000_000 + b": y\n",
        b"Feedback-Type: auth-failure\nIdentity-Alignment:" + b" dkim," * 1_000_000,
    ],
    ids=["a long field", "many fields", "folded", "a long name", "many words"],
)
def test_what_is_kept_is_bounded(fields):
    before = time.process_time()
    report = parse_failure_report(with_fields(fields))
    assert time.process_time() - before < 1.0
    for value in asdict(report).values():
        if isinstance(value, str):
            assert len(value) <= 2_000
        if isinstance(value, tuple):
            assert len(value) <= 20
            assert all(len(one) <= 2_000 for one in value)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_cost_little(name):
    before = time.process_time()
    with suppress(BadReport):
        parse_failure_report(HOSTILE[name])
    assert time.process_time() - before < 3.0


def test_messages_in_messages_are_followed_a_few_levels():
    inner = SAMPLE
    for _ in range(4):
        inner = (
            b"From: a@b.example\nContent-Type: multipart/mixed; boundary="
            + b"q%d" % len(inner)
            + (b"\n\n--q%d\nContent-Type: message/rfc822\n\n" % len(inner) + inner + b"\n--q%d--\n" % len(inner))
        )
    assert parse_failure_report(inner).source_ip == "192.0.2.77"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_mails_raise_only_bad_report(data):
    octets = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 10))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadReport):
        parse_failure_report(bytes(octets))


def test_words_about_feedback_do_not_hide_an_aggregate_report():
    message = report_mail().replace(b"This is an aggregate report.", b"Feedback-Type: see RFC 5965")
    with pytest.raises(NoFailureReport):
        parse_failure_report(message)
