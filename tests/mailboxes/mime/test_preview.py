"""The first words of a message (RFC 8970)."""

import time

import pytest

from mailboxes.mime.parts import parse_parts
from mailboxes.mime.preview import CHARACTERS, preview

HTML = b"Content-Type: text/html\r\n\r\n"
MIXED = (
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n%b\r\n'
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>from HTML</p>\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"Subject: x\r\n\r\nHello,\r\n\r\n  how are\tyou?\r\n", "Hello, how are you?"),
        (b"Subject: x\r\n\r\n> what was said\r\nmy answer\r\n", "my answer"),  # quoted lines are another's
        (MIXED % b"from text", "from text"),
        (MIXED % b"  ", "from HTML"),  # the text part says nothing
        (HTML + b"<style>p {}</style><p>a&amp;b</p><!-- x > y --><b>c</b>", "a&b c"),
        (HTML + b"<head><title>t</title></head><body>a<br>b<script>if (a < b) {}</script>", "a b"),
        (HTML + b"<header>kept</header>", "kept"),
        (HTML + b"a < b", "a"),  # a tag without an end
        (HTML + b"<!-- never closed", ""),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe4\r\n", "ä"),
        (b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n", "hello"),
        (b"Content-Type: image/png\r\n\r\nxx", ""),
        (b"Subject: x\r\n\r\na\0\x1bb\xe2\x80\xaec", "a b c"),  # nothing that is not shown
        (b"Subject: x\r\n\r\n" + b"x" * 5_000, "x" * CHARACTERS),
    ],
)
def test_preview(octets: bytes, words: str) -> None:
    assert preview(octets, parse_parts(octets)) == words


@pytest.mark.parametrize("body", [b"<" * 20_000, b"<style" * 5_000, b"<!--" * 5_000, b"<script></script" * 2_000])
def test_html_made_for_it_costs_little(body: bytes) -> None:
    begin = time.process_time()
    preview(HTML + body, parse_parts(HTML + body))
    assert time.process_time() - begin < 1
