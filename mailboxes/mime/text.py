"""Text out of headers and bodies for search and display: encoded words, transfer encodings, charsets.

Bounded, linear, never raising: unknown charsets are read as UTF-8 with replacement, broken base64 as far as it goes.
"""

import binascii
import quopri
import re

from mailboxes.mime.limits import ENCODED_WORDS

KNOWN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable"})

_WORD = re.compile(rb"=\?([^?\s]{1,64})\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN = re.compile(rb"[ \t\r\n]*\Z")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_KNOWN_CHARSET = re.compile(
    r"(utf-?(8|7|16|32)([bl]e)?|us-ascii|ascii|iso-?8859-?\d+|latin-?\d|windows-?\d+|cp\d+|koi8-?[rut]|gb(k|2312|18030)"
    r"|big5(-?hkscs)?|euc-?(jp|kr)|shift[_-]?jis|iso-?2022-?(jp|kr)(-\d)?|ks_c_5601-1987|tis-?620|macintosh|hz)\Z"
)


def decode_octets(octets: bytes, charset: str) -> str:
    """Return text in that charset; what does not fit becomes U+FFFD. Charsets off the list are read as UTF-8."""
    name = charset.strip().lower()
    if not _KNOWN_CHARSET.match(name) or name in ("us-ascii", "ascii"):
        name = "utf-8"
    try:
        return octets.decode(name, "replace")
    except LookupError:
        return octets.decode("utf-8", "replace")


def decode_header(value: bytes) -> str:
    """Return an unfolded field value with its encoded words read (RFC 2047), at most ``ENCODED_WORDS`` of them."""
    pieces: list[str] = []
    position = 0
    for words, word in enumerate(_WORD.finditer(value)):
        if words >= ENCODED_WORDS:
            break
        between = value[position : word.start()]
        if not (words and _BETWEEN.match(between)):
            pieces.append(between.decode("utf-8", "replace"))
        pieces.append(decode_octets(_word_octets(word[2], word[3]), _charset(word[1])))
        position = word.end()
    pieces.append(value[position:].decode("utf-8", "replace"))
    return "".join(pieces)


def _charset(token: bytes) -> str:
    """Return the charset of an encoded word without its language (RFC 2231 §5)."""
    return token.split(b"*")[0].decode("ascii", "replace")


def _word_octets(encoding: bytes, text: bytes) -> bytes:
    """Return the octets of an encoded word."""
    if encoding in b"bB":
        return decode_base64(text)
    return quopri.decodestring(text.replace(b"_", b" "), header=False)


def decode_base64(text: bytes) -> bytes:
    """Return what the base64 says, other octets skipped, padding mended."""
    digits = _NOT_BASE64.sub(b"", text)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    except binascii.Error:
        return b""


def decode_transfer(octets: bytes, encoding: bytes) -> bytes:
    """Return a body without its Content-Transfer-Encoding (lower case); unknown encodings leave it as it is."""
    if encoding == b"base64":
        return decode_base64(octets)
    if encoding == b"quoted-printable":
        return quopri.decodestring(octets)
    return octets
