"""Sections of the example of RFC 9051 §6.4.5.1, and text out of headers and bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailboxes.mime.headers import split_fields
from mailboxes.mime.section import Section, Text, chosen_fields, header_bytes, part_bytes
from mailboxes.mime.text import decode_header, decode_octets, decode_transfer

OCTETS = (
    "Subject: outer\nContent-Type: multipart/mixed; boundary=A\n\n"
    "--A\nContent-Type: text/plain\n\none\n"
    "--A\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: multipart/mixed; boundary=B\n\n"
    "--B\n\ntwo-one\n--B\nContent-Type: text/html\n\ntwo-two\n--B--\n"
    "--A\nContent-Type: message/rfc822\n\nSubject: single\n\nthree\n--A--\n"
).replace("\n", "\r\n").encode()  # fmt: skip


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (Section((1,)), b"one"),
        (Section((1,), Text.MIME), b"Content-Type: text/plain\r\n\r\n"),
        (Section((2,), Text.HEADER), b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"),
        (Section((2, 1)), b"two-one"),
        (Section((2, 2)), b"two-two"),
        (Section((2, 2), Text.MIME), b"Content-Type: text/html\r\n\r\n"),
        (Section((3,), Text.TEXT), b"three"),
        (Section((3, 1)), b"three"),
        (Section((3,)), b"Subject: single\r\n\r\nthree"),
        (Section((), Text.FIELDS, (b"SUBJECT",)), b"Subject: outer\r\n\r\n"),
        (Section((2,), Text.FIELDS_NOT, (b"subject",)), b"Content-Type: multipart/mixed; boundary=B\r\n\r\n"),
        (Section((), Text.FIELDS, (b"absent",)), b"\r\n"),
        (Section((4,)), None),
        (Section((1, 1)), None),
        (Section((2, 3)), None),
        (Section((1,), Text.HEADER), None),
    ],
)
def test_sections(section: Section, expected: bytes | None) -> None:
    assert part_bytes(OCTETS, section) == expected


def test_a_single_body_is_its_own_part_one() -> None:
    octets = b"Subject: x\r\n\r\nbody\r\n"
    assert part_bytes(octets, Section((1,))) == b"body\r\n"
    assert part_bytes(octets, Section((1,), Text.MIME)) == b"Subject: x\r\n\r\n"
    assert part_bytes(octets, Section((2,))) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"=?iso-8859-1?q?Caf=E9?= au lait", "Café au lait"),
        (b"=?utf-8?b?w6k=?= =?utf-8?q?=C3=A9?=", "éé"),
        (b"=?utf-8*fr?q?a_b?=", "a b"),
        (b"=?x-unknown?q?=C3=A9?=", "é"),
        (b"=?idna?q?xn--a?=", "xn--a"),
        (b"=?utf-8?b?%%%?=", ""),
        (b"raw \xc3\xa9 \xff", "raw é \ufffd"),
    ],
)
def test_headers_are_read(value: bytes, expected: str) -> None:
    assert decode_header(value) == expected


def test_encoded_words_beyond_the_cap_stay_as_they_are() -> None:
    text = decode_header(b"=?utf-8?q?a?= " * 20_000)
    assert text.startswith("a" * 100 + " =?utf-8?q?a?=")


def test_broken_bodies_are_read_as_far_as_they_go() -> None:
    assert decode_transfer(b"SGVs\r\nbG8!", b"base64") == b"Hello"
    assert decode_transfer(b"a=\r\nb=3D", b"quoted-printable") == b"ab="
    assert decode_octets(b"\xe9", "no-such") == "\ufffd"


LINES = st.lists(
    st.sampled_from(
        [
            b"To: a",
            b"to : b",
            b"TO:",
            b"To\t: c",
            b" folded: x",
            b"\tTo: d",
            b"Toe: e",
            b"X-To: f",
            b"no colon",
            b": g",
        ]
    ),
    max_size=9,
)


@given(LINES, st.sampled_from([b"\r\n", b"\n"]), st.lists(st.sampled_from([b"To", b"toe", b"Cc", b"T.", b"to "])))
def test_chosen_fields_are_those_of_the_header_taken_apart(
    lines: list[bytes], end: bytes, names: list[bytes]
) -> None:
    header = b"".join(line + end for line in lines) + end
    section = Section((), Text.FIELDS, tuple(names))
    quick = chosen_fields(header, section)
    assert quick in (None, header_bytes(header, split_fields(header), section))
    if end == b"\r\n" and lines and lines[0][:1] not in (b" ", b"\t") and b"to " not in names:
        assert quick is not None
