"""Octets of an XML file → text that an XML parser may see, in pieces, as they come.

Decoding happens here, so that no encoding hides markup. Text is UTF-8 for as long as it can be; from the first octet
that cannot be, it is what the file declares (of a short list), or windows-1252. A document type is refused before any
parser sees it, ``&`` that begins none of the five plain entities or a character number is taken literally, as is the
``<`` of ``<name@host>`` in the head, control characters vanish. Invariant: no piece ends inside a reference or inside
the opening of a declaration, and the text does not depend on how the octets were cut.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator

from domains.dmarc.report_types import BadReport

_HEAD = 512
_CONTROLS = bytes((*range(9), 11, 12, *range(14, 32)))
_NOT_TEXT = dict.fromkeys((*_CONTROLS, 0xFFFE, 0xFFFF, 0xFEFF))
_STRAY_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")
_LONGEST_REFERENCE = 10
_LONGEST_OPENING = 80
_STRAY_ADDRESS = re.compile(r"<(?=[A-Za-z0-9._+-]{1,64}@)")  # no element's name has an @
_RECORD = "<record"
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_FORBIDDEN = ("<!DOCTYPE", "<!ENTITY")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = frozenset(
    ["cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "koi8-r"] + [f"iso8859-{part}" for part in (1, 2, 5, 7, 9, 15)]
)


def safe_text(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text in pieces that XML 1.0 may hold, without document type and entities of its own."""
    held = ""
    empty = True
    mender = _Mender()
    for text, final in _with_end(_decoded(chunks)):
        text = held + text
        if "!" in text and any(word in text for word in _FORBIDDEN):
            raise BadReport("The file has a document type or entities, which reports do not need and may not have.")
        text = text.lstrip() if empty else text
        empty = empty and not text
        cut = len(text) if final else _safe_cut(text)
        text, held = text[:cut], text[cut:]
        if text:
            yield mender.mend(text)
    if empty:
        raise BadReport("The file is empty.")


class _Mender:
    """Takes what cannot be markup literally: stray ``&`` anywhere, and ``<`` of an address before the first record.

    What stands in CDATA is text already, and is left as it is.
    """

    def __init__(self) -> None:
        self._in_head = True
        self._in_cdata = False

    def mend(self, text: str) -> str:
        """Return the next piece, mended."""
        if not self._in_cdata and _CDATA not in text:
            return self._mend_markup(text)
        parts: list[str] = []
        while text:
            inside, mark = self._in_cdata, _CDATA_END if self._in_cdata else _CDATA
            part, found, text = text.partition(mark)
            parts += [part if inside else self._mend_markup(part), found]
            self._in_cdata = inside != bool(found)
        return "".join(parts)

    def _mend_markup(self, text: str) -> str:
        if self._in_head:
            head, record, rest = text.partition(_RECORD)
            text = _STRAY_ADDRESS.sub("&lt;", head) + record + rest
            self._in_head = not record
        return _STRAY_AMPERSAND.sub("&amp;", text) if "&" in text else text


def _with_end(pieces: Iterator[str]) -> Iterator[tuple[str, bool]]:
    for piece in pieces:
        yield piece, False
    yield "", True


def _safe_cut(text: str) -> int:
    """Return how much of the text can be passed on: not half a reference, an opening, or the end of CDATA."""
    end = len(text) - (2 if text.endswith("]]") else text.endswith("]"))
    reference = text.rfind("&", max(0, end - _LONGEST_REFERENCE))
    opening = text.rfind("<", max(0, end - _LONGEST_OPENING))
    if opening >= 0 and text.find(">", opening) >= 0:
        opening = -1
    return min((place for place in (reference, opening) if place >= 0), default=end)


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the decoded text without the characters that XML 1.0 forbids."""
    source = iter(chunks)
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= _HEAD:
            break
    decode, start = _decoder(head)
    yield _clean(decode(head[start:], False))
    for chunk in source:
        yield _clean(decode(chunk, False))
    yield _clean(decode(b"", True))


def _clean(text: str) -> str:
    return text if text.isascii() else text.translate(_NOT_TEXT)


def _decoder(head: bytes) -> tuple[Callable[[bytes, bool], str], int]:
    """Return what decodes the file of this head, and where its text begins."""
    if head.startswith(codecs.BOM_UTF8):
        return _Utf8First("cp1252").decode, 3
    for encoding, beginnings in (
        ("utf-16-le", (codecs.BOM_UTF16_LE, b"<\0?\0", b"<\0f\0")),
        ("utf-16-be", (codecs.BOM_UTF16_BE, b"\0<\0?", b"\0<\0f")),
    ):
        if head.startswith(beginnings):
            return _Wide(encoding).decode, 0
    return _Utf8First(_declared(head) or "cp1252").decode, 0


class _Wide:
    """Decodes UTF-16."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def decode(self, octets: bytes, final: bool) -> str:
        """Return the text of the next octets, control characters left out."""
        return self._decoder.decode(octets, final).translate(_NOT_TEXT)


class _Utf8First:
    """Decodes UTF-8 until an octet refutes it, and everything from there on as the other encoding."""

    def __init__(self, otherwise: str) -> None:
        self._otherwise = otherwise
        self._other: codecs.IncrementalDecoder | None = None
        self._begun = b""

    def decode(self, octets: bytes, final: bool) -> str:
        """Return the text of the next octets, control characters left out."""
        octets = octets.translate(None, _CONTROLS)
        if self._other is not None:
            return self._other.decode(octets, final)
        octets = self._begun + octets
        try:
            text, used = codecs.utf_8_decode(octets, "strict", final)
        except UnicodeDecodeError as error:
            self._other = codecs.getincrementaldecoder(self._otherwise)("replace")
            return octets[: error.start].decode() + self._other.decode(octets[error.start :], final)
        self._begun = octets[used:]
        return text


def _declared(head: bytes) -> str:
    """Return the declared encoding's name in Python when it is on our list, else an empty text."""
    match = _DECLARED.search(head[:_HEAD])
    try:
        name = codecs.lookup(match[1].decode()).name if match else ""
    except LookupError:
        return ""
    return name if name in _ENCODINGS else ""
