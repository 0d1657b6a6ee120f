"""Report parts of mails, as reporters and forwarders really write them."""

import base64
import binascii
import gzip
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.dmarc.archive import unpack
from domains.dmarc.attachments import attachments
from tests.domains.dmarc.samples import mail, report_xml, zipped

XML = report_xml()
GZIP = gzip.compress(XML)
BASE64 = base64.encodebytes(GZIP)
QUOTED = binascii.b2a_qp(XML).replace(b"\n", b"\r\n")


def single(header: bytes, body: bytes) -> bytes:
    return b"From: a@reporter.example\r\n" + header + b"\r\n\r\n" + body


def attached_to(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return single(b'Content-Type: multipart/mixed;\r\n\tboundary="b"', body + end)


REPORT_PART = b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + BASE64
TEXT_PART = b"Content-Type: text/plain\r\n\r\nhello"

MAILS = {
    "attachment": mail(GZIP),
    "wrong type": mail(GZIP, "report.zip", "text/plain"),
    "the body is the archive": single(b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: BASE64", BASE64),
    "the body is the XML": single(b"Content-Type: text/xml; charset=utf-8", XML),
    "quoted-printable XML": single(b"Content-Type: text/xml\r\nContent-Transfer-Encoding: quoted-printable", QUOTED),
    "no content type": single(b"Subject: report", XML),
    "undeclared base64": single(b"Content-Type: text/plain", BASE64),
    "base64 without padding": single(b"Content-Transfer-Encoding: base64", base64.b64encode(GZIP).rstrip(b"=")),
    "base64 with noise": single(b"Content-Transfer-Encoding: base64", BASE64.replace(b"\n", b" \r\n!\r\n")),
    "base64 in two padded pieces": single(
        b"Content-Transfer-Encoding: base64", base64.b64encode(GZIP[:100]) + b"\r\n" + base64.b64encode(GZIP[100:])
    ),
    "base64 on one line": single(b"Content-Transfer-Encoding: base64 ", base64.b64encode(GZIP)),
    "never closed": attached_to(TEXT_PART, REPORT_PART, end=b""),
    "no header in the first part": attached_to(b"\r\nhello", REPORT_PART),
    "only line feeds": attached_to(TEXT_PART, REPORT_PART).replace(b"\r\n", b"\n"),
    "folded and capitals": mail(GZIP).replace(
        b"Content-Type: multipart/mixed;", b"CONTENT-TYPE:\r\n Multipart/Mixed;"
    ),
    "nested": attached_to(
        b"Content-Type: multipart/related; boundary=c\r\n\r\n--c\r\n" + REPORT_PART + b"\r\n--c--\r\n"
    ),
    "forwarded": attached_to(TEXT_PART, b"Content-Type: message/rfc822\r\n\r\n" + mail(GZIP)),
    "zip": mail(zipped({"a/report.xml": XML}), "report.zip", "application/zip"),
    "boundary that begins like another": attached_to(b"Content-Type: text/plain\r\n\r\n--bb\r\nhello", REPORT_PART),
}


@pytest.mark.parametrize("name", MAILS)
def test_the_report_is_found(name):
    found = attachments(MAILS[name])
    assert len(found) == 1
    assert unpack(found[0][1], "").replace(b"\r\n", b"\n") == XML


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'Content-Disposition: attachment; filename="a;b.xml.gz"', "a;b.xml.gz"),
        (b"Content-Disposition: attachment; filename=plain.xml.gz", "plain.xml.gz"),
        (b'Content-Disposition: attachment;\r\n filename*0="long-";\r\n filename*1="name.gz"', "long-name.gz"),
        (b"Content-Disposition: attachment; filename*=utf-8''%C3%A9.xml.gz", "é.xml.gz"),
        (b'Content-Type: application/gzip; name="=?utf-8?B?w6kueG1s?="', "é.xml"),
        (b'Content-Type: application/gzip; name="=?nonsense?Q?a?="', "=?nonsense?Q?a?="),
        (b'Content-Disposition: attachment; filename="a\\"b\x1b.xml"', 'a"b.xml'),
        (b'Content-Disposition: attachment; filename="never closed', "never closed"),
    ],
)
def test_file_names(header, name):
    ((found, _),) = attachments(single(header + b"\r\nContent-Transfer-Encoding: base64", BASE64))
    assert found == name


def test_several_reports_in_one_mail_come_in_order():
    other = gzip.compress(report_xml(report_id="r-2"))
    second = REPORT_PART.replace(BASE64, base64.encodebytes(other))
    found = attachments(attached_to(REPORT_PART, TEXT_PART, second))
    assert [octets for _, octets in found] == [GZIP, other]


def test_a_part_that_claims_to_be_a_report_is_kept_for_its_reason():
    ((name, octets),) = attachments(mail(b"not a report", "report.xml.gz"))
    assert (name, octets) == ("report.xml.gz", b"not a report")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\r\n",
        single(b"Content-Type: text/html", b"<html><p>hi</p></html>"),
        attached_to(TEXT_PART),
        b"x" * 1000,
    ],
)
def test_mail_without_a_report(message):
    assert attachments(message) == []


HOSTILE = {
    "nested multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(100_000)
    ),
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 500_000,
    "many parts": attached_to(*[TEXT_PART] * 200_000),
    "delimiters only": single(b"Content-Type: multipart/mixed; boundary=b", b"\n--b" * 4_000_000),
    "a header of 16 MB": b"X: " + b"a" * 16_000_000,
    "parameters": single(b"Content-Type: text/plain" + b';a="' * 4_000_000, b""),
    "padding": single(b"Content-Transfer-Encoding: base64", b"A=" * 8_000_000),
    "spaces": attached_to(*[b"\r\n" + b"AAAA" + b" " * 8000 + b"!"] * 900),
    "quoted-printable": single(b"Content-Transfer-Encoding: quoted-printable", b"=3D " * 4_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_cost_little(name):
    before = time.process_time()
    attachments(HOSTILE[name])
    assert time.process_time() - before < 2.0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_octets_give_a_list(data):
    octets = bytearray(mail(GZIP))
    for _ in range(data.draw(st.integers(1, 10))):
        octets[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
    assert isinstance(attachments(bytes(octets)), list)
