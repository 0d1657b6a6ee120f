"""What comes to port 25 and is no mail: each ends in a refusal, and nothing is stored."""

from dataclasses import dataclass

HELLO = b"EHLO mail.good.example\r\n"
ENVELOPE = HELLO + b"MAIL FROM:<bob@good.example>\r\nRCPT TO:<alice@acme.example>\r\n"
DATA = ENVELOPE + b"DATA\r\n"
HEAD = b"From: bob@good.example\r\nSubject: x\r\n\r\n"
SECOND = b"MAIL FROM:<ceo@good.example>\r\nRCPT TO:<alice@acme.example>\r\nDATA\r\n" + HEAD + b"evil\r\n.\r\n"


@dataclass(frozen=True)
class Dialogue:
    """``octets`` are sent at once; ``answer`` stands in what comes back, and ``stored`` messages are the outcome."""

    name: str
    why: str
    octets: bytes
    answer: str
    stored: int = 0


DIALOGUES = [
    Dialogue("http get", "a browser", b"GET / HTTP/1.1\r\nHost: mail.acme.example\r\n\r\n", "5"),
    Dialogue("http post", "SMTP inside a form", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + DATA + HEAD + b".\r\n", "5"),
    Dialogue(
        "tls hello",
        "TLS on the plain port",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n",
        "5",
    ),
    Dialogue("no greeting", "MAIL before EHLO", b"MAIL FROM:<bob@good.example>\r\nQUIT\r\n", "503 5.5.1"),
    Dialogue(
        "no recipient", "DATA without RCPT", HELLO + b"MAIL FROM:<b@good.example>\r\nDATA\r\nQUIT\r\n", "554 5.5.1"
    ),
    Dialogue("bad helo", "EHLO with a blank inside", b"EHLO two words\r\nQUIT\r\n", "501 5.5.4"),
    Dialogue("no helo name", "EHLO alone", b"EHLO\r\nQUIT\r\n", "501"),
    Dialogue("unknown verb", "no such command", b"FROB x\r\nQUIT\r\n", "500 5.5."),
    Dialogue("auth", "the MX knows no passwords", HELLO + b"AUTH PLAIN AGEAYg==\r\nQUIT\r\n", "50"),
    Dialogue(
        "no brackets", "an address without brackets", HELLO + b"MAIL FROM: bob@good.example\r\nQUIT\r\n", "501 5.1.7"
    ),
    Dialogue(
        "nul in command", "NUL in an address", HELLO + b"MAIL FROM:<b\0b@good.example>\r\nQUIT\r\n", "500 5.5.2"
    ),
    Dialogue(
        "bare lf command",
        "LF ends no line",
        HELLO + b"MAIL FROM:<bob@good.example>\nRCPT TO:<alice@acme.example>\r\nQUIT\r\n",
        "500",
    ),
    Dialogue("long command", "a line of 3,000 octets", HELLO + b"NOOP " + b"x" * 3000 + b"\r\nQUIT\r\n", "500 5.5.2"),
    Dialogue(
        "unknown parameter",
        "XFOO is not offered",
        HELLO + b"MAIL FROM:<b@good.example> XFOO=1\r\nQUIT\r\n",
        "555 5.5.4",
    ),
    Dialogue("smuggling lf.lf", "LF dot LF ends no message", DATA + HEAD + b"a\n.\n" + SECOND, "550 5.6.0"),
    Dialogue("smuggling cr.cr", "nor CR dot CR", DATA + HEAD + b"a\r.\r" + SECOND, "550 5.6.0"),
    Dialogue("smuggling lf.crlf", "nor LF dot CRLF", DATA + HEAD + b"a\n.\r\n" + SECOND, "550 5.6.0"),
    Dialogue("smuggling crlf.lf", "nor CRLF dot LF", DATA + HEAD + b"a\r\n.\n" + SECOND, "550 5.6.0"),
    Dialogue("smuggling crlf.cr", "nor CRLF dot CR", DATA + HEAD + b"a\r\n.\r" + SECOND, "550 5.6.0"),
    Dialogue("bare lf body", "a line that ends with LF", DATA + HEAD + b"a\nb\r\n.\r\nQUIT\r\n", "550 5.6.0"),
    Dialogue("nul body", "a NUL in the message", DATA + HEAD + b"a\0b\r\n.\r\nQUIT\r\n", "550 5.6.0"),
    Dialogue(
        "two messages", "two good ones in one connection", DATA + HEAD + b".\r\n" + SECOND + b"QUIT\r\n", "221", 2
    ),
    Dialogue("rset between", "a transaction given up", ENVELOPE + b"RSET\r\nDATA\r\nQUIT\r\n", "503 5.5.1"),
    Dialogue("unfinished", "the client goes away inside DATA", DATA + HEAD + b"half", "354"),
    Dialogue("twenty errors", "too many errors end it", HELLO + b"FROB\r\n" * 25, "421"),
]
