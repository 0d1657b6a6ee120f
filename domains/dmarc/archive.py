"""From a mail or a file to the octets of one report: MIME parts found, gzip and zip unpacked, everything bounded.

What a file is, its first octets say, never its name (gzip named ``.zip`` is common). One level is unpacked; output,
ratio, time, members and directory are bounded, and the first octet past a bound stops the work. The MIME walk is
iterative and reads generously: RFC 2045, RFC 2046, RFC 2231; RFC 9990 section 3.1 on how reports are mailed.
Invariant: hostile octets raise BadArchive or give fewer parts, never another error.
"""

import binascii
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import unquote_to_bytes

MAXIMUM_OCTETS = 20 * 1024 * 1024
MAXIMUM_RATIO = 200
MAXIMUM_SECONDS = 5.0
MAXIMUM_MEMBERS = 100
MAXIMUM_DIRECTORY_OCTETS = 64 * 1024
MAXIMUM_HEADER_OCTETS = 256 * 1024
MAXIMUM_FIELD_OCTETS = 8 * 1024
MAXIMUM_LEVELS = 50
MAXIMUM_PARTS = 1000
MAXIMUM_ATTACHMENTS = 100
MAXIMUM_NAME = 300

_CHUNK = 64 * 1024
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ZIP_END = b"PK\x05\x06"
_ZIP64_LOCATOR = b"PK\x06\x07"
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_ENCODED_WORD = re.compile(r"=\?([\w-]{1,40})\?([bq])\?([^?]{0,400})\?=", re.IGNORECASE)
_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))

Clock = Callable[[], float]


class BadArchive(ValueError):
    """The file cannot be unpacked; ``str()`` is one sentence for people."""


def is_gzip(octets: bytes) -> bool:
    """True when the octets begin as gzip does (RFC 1952)."""
    return octets[:2] == _GZIP


def is_zip(octets: bytes) -> bool:
    """True when the octets begin as a zip archive does."""
    return octets[:4] in _ZIP


def looks_like_xml(octets: bytes) -> bool:
    """True when the first octet past byte order mark and white space is ``<``, in UTF-8, UTF-16 or a kin of ASCII."""
    head = octets[:1024]
    for mark in _BOMS:
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip().startswith(b"<")


@dataclass(slots=True)
class _Budget:
    """What unpacking may still produce; ``take`` refuses the first octet too many."""

    packed_octets: int
    clock: Clock | None
    parts: list[bytes] = field(default_factory=list)
    octets: int = 0
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock() if self.clock else 0.0

    @property
    def step(self) -> int:
        """The most octets to ask for next: one past the bound at most, so that the bound is noticed."""
        return min(_CHUNK, self._most - self.octets + 1)

    @property
    def _most(self) -> int:
        return min(MAXIMUM_OCTETS, self.packed_octets * MAXIMUM_RATIO)

    def take(self, part: bytes) -> None:
        """Keep one piece of output; raises BadArchive past size, ratio or time."""
        self.octets += len(part)
        if self.octets > MAXIMUM_OCTETS:
            raise BadArchive(f"The file unpacks to more than {MAXIMUM_OCTETS // 2**20} MB.")
        if self.octets > self._most:
            raise BadArchive(f"The file unpacks to more than {MAXIMUM_RATIO} times its size.")
        if self.clock and self.clock() - self.started > MAXIMUM_SECONDS:
            raise BadArchive(f"The file takes more than {MAXIMUM_SECONDS:.0f} seconds to unpack.")
        self.parts.append(part)


def unpack(octets: bytes, file_name: str, clock: Clock | None = None) -> bytes:
    """Return the XML in a plain, gzip or zip file; raises BadArchive.

    ``file_name`` serves the message alone. ``clock`` counts seconds; without one only the sizes are bounded.
    """
    if not octets:
        raise BadArchive("The file is empty.")
    budget = _Budget(len(octets), clock)
    if is_gzip(octets):
        _gunzip(octets, budget)
    elif is_zip(octets):
        _unzip(octets, budget)
    else:
        return _plain(octets, file_name)
    content = b"".join(budget.parts)
    if is_gzip(content) or is_zip(content):
        raise BadArchive("The archive holds another archive; one level is unpacked.")
    if not looks_like_xml(content):
        raise BadArchive("The archive holds no XML.")
    return content


def _plain(octets: bytes, file_name: str) -> bytes:
    if len(octets) > MAXIMUM_OCTETS:
        raise BadArchive(f"The file is larger than {MAXIMUM_OCTETS // 2**20} MB.")
    if not looks_like_xml(octets):
        shown = f"The file {file_name[:80]!r}" if file_name else "The file"
        raise BadArchive(f"{shown} is neither XML nor gzip nor zip.")
    return octets


def _gunzip(octets: bytes, budget: _Budget) -> None:
    """Inflate every gzip member; zeros or noise after a whole member are ignored, as gzip itself does."""
    position = 0
    for _ in range(MAXIMUM_MEMBERS):
        position = _member(octets, position, budget)
        if not is_gzip(octets[position : position + 2]):
            return
    raise BadArchive(f"The gzip file has more than {MAXIMUM_MEMBERS} members.")


def _member(octets: bytes, position: int, budget: _Budget) -> int:
    """Inflate the member that begins at ``position``; returns where it ends."""
    machine = zlib.decompressobj(wbits=31)
    while not machine.eof:
        piece = octets[position : position + _CHUNK]
        if not piece:
            raise BadArchive("The gzip file ends too early.")
        position += len(piece)
        while piece and not machine.eof:
            try:
                budget.take(machine.decompress(piece, budget.step))
            except zlib.error as error:
                raise BadArchive("The gzip file is damaged.") from error
            piece = machine.unconsumed_tail
    return position - len(machine.unused_data)


def _unzip(octets: bytes, budget: _Budget) -> None:
    """Inflate the one report of a zip archive, in whatever folder it lies."""
    _check_directory(octets)
    try:
        with zipfile.ZipFile(BytesIO(octets)) as archive:
            member = _report_member(archive.infolist())
            with archive.open(member) as stream:
                while part := stream.read(budget.step):
                    budget.take(part)
    except (zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise BadArchive("The zip archive is damaged.") from error
    except (EOFError, OSError, RuntimeError, NotImplementedError, ValueError, OverflowError) as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive("The zip archive cannot be read.") from error


def _check_directory(octets: bytes) -> None:
    """Refuse a directory that would cost time before the first member is read (APPNOTE 4.3.16)."""
    end = octets.rfind(_ZIP_END, max(0, len(octets) - 65_557))
    if end < 0 or len(octets) - end < 22:
        raise BadArchive("The zip archive ends too early.")
    if octets[max(0, end - 20) : end].startswith(_ZIP64_LOCATOR):
        raise BadArchive("The zip archive is of the kind for files above 4 GB.")
    entries, size = struct.unpack_from("<HI", octets, end + 10)
    if entries > MAXIMUM_MEMBERS or size > MAXIMUM_DIRECTORY_OCTETS:
        raise BadArchive(f"The zip archive has more than {MAXIMUM_MEMBERS} entries.")


def _report_member(members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    files = [m for m in members if not m.is_dir() and not _is_attendant(m.filename)]
    named = [m for m in files if m.filename.lower().endswith(".xml")] or files
    if not named:
        raise BadArchive("The zip archive holds no file.")
    if len(named) > 1:
        raise BadArchive(f"The zip archive holds {len(named)} files where one report is expected.")
    if named[0].flag_bits & 1:
        raise BadArchive("The zip archive is encrypted.")
    if named[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive("The zip archive is packed by a method other than deflate.")
    return named[0]


def _is_attendant(name: str) -> bool:
    """True for what file managers add beside the real file."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


@dataclass(frozen=True, slots=True)
class _Part:
    """One leaf of a mail: its media type, file name, and decoded octets."""

    media_type: str
    file_name: str
    octets: bytes


def attachments(message: bytes) -> list[tuple[str, bytes]]:
    """Return (file name, octets) of each part that may be a report, in order; the body itself may be one.

    A part counts when its octets begin as gzip, zip or report XML do, or when its name or type claims so (then the
    reason why it cannot be read is worth keeping). Never raises; past a bound the rest of the mail is not looked at.
    """
    found: list[tuple[str, bytes]] = []
    for part in _leaves(message):
        octets = _undress(part)
        if _is_packed(octets) or _is_report_text(octets) or _claims_report(part):
            found.append((part.file_name, octets))
        if len(found) >= MAXIMUM_ATTACHMENTS:
            break
    return found


def _leaves(message: bytes) -> Iterator[_Part]:
    """Walk the MIME tree without recursion, in order: ranges still to see lie on a stack."""
    stack = [(0, len(message), 0)]
    seen = 0
    while stack and seen < MAXIMUM_PARTS:
        start, end, level = stack.pop()
        seen += 1
        fields, body = _head(message, start, end)
        media_type, parameters = _split_field(fields.get(b"content-type", b"text/plain"))
        boundary = parameters.get("boundary", "").encode("latin-1", "replace")
        if media_type.startswith("multipart/") and boundary and level < MAXIMUM_LEVELS:
            ranges = _split_multipart(message, body, end, boundary)
            stack.extend((first, last, level + 1) for first, last in reversed(ranges))
        elif media_type in ("message/rfc822", "message/global") and level < MAXIMUM_LEVELS:
            stack.append((body, end, level + 1))
        else:
            encoding = fields.get(b"content-transfer-encoding", b"").strip().lower()
            name = _file_name(fields, parameters)
            yield _Part(media_type, name, _decode(message[body:end], encoding))


def _head(message: bytes, start: int, end: int) -> tuple[dict[bytes, bytes], int]:
    """Return the fields of the header that begins at ``start``, the first of each name, and where the body begins."""
    if message[start : start + 2] == b"\r\n" or message[start : start + 1] == b"\n":
        return {}, start + (2 if message[start : start + 1] == b"\r" else 1)
    limit = min(end, start + MAXIMUM_HEADER_OCTETS)
    blank = _BLANK_LINE.search(message, start, limit)
    block = message[start : blank.start() if blank else limit]
    fields: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b" ", block).split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and len(fields) < 1000:
            fields.setdefault(name.strip().lower(), value.strip()[:MAXIMUM_FIELD_OCTETS])
    return fields, blank.end() if blank else limit


def _split_field(value: bytes) -> tuple[str, dict[str, str]]:
    """Return the lower-case value and the parameters of a structured field (RFC 2045 section 5.1, RFC 2231)."""
    main, semicolon, rest = value.partition(b";")
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(semicolon + rest):
        name, text = match[1].decode("ascii", "replace").lower(), match[2].strip()
        if text[:1] == b'"':
            text = re.sub(rb"\\(.)", rb"\1", text[1:-1] if text[-1:] == b'"' and len(text) > 1 else text[1:])
        name, value_text = _extended(name, text)
        parameters[name] = parameters.get(name, "") + value_text
        if len(parameters) >= 200:
            break
    return main.strip().lower().decode("ascii", "replace"), parameters


def _extended(name: str, text: bytes) -> tuple[str, str]:
    """Return the plain name and the decoded text of a parameter that may be continued or encoded (RFC 2231)."""
    base, star, _ = name.partition("*")
    if not star:
        return name, text.decode("latin-1")
    if not name.endswith("*"):
        return base, text.decode("latin-1")
    octets = unquote_to_bytes(text.split(b"'", 2)[-1])
    return base, octets.decode("utf-8", "replace")


def _file_name(fields: dict[bytes, bytes], parameters: dict[str, str]) -> str:
    _, disposition = _split_field(fields.get(b"content-disposition", b""))
    name = disposition.get("filename") or parameters.get("name") or ""
    decoded = _ENCODED_WORD.sub(_decode_word, name[: 4 * MAXIMUM_NAME])
    return "".join(c for c in decoded if c.isprintable())[:MAXIMUM_NAME]


def _decode_word(match: re.Match[str]) -> str:
    """Return one encoded word as text, or itself when it does not decode (RFC 2047 section 2)."""
    charset, kind, text = match[1], match[2].lower(), match[3].encode("ascii", "replace")
    octets = _decode_base64(text) if kind == "b" else binascii.a2b_qp(text, header=True)
    try:
        return octets.decode(charset, "replace")
    except (LookupError, ValueError):
        return match[0]


def _split_multipart(message: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    """Return the ranges of a multipart's parts; the last runs to the end when it is not closed (RFC 2046 5.1.1)."""
    ranges: list[tuple[int, int]] = []
    needle = b"\n--" + boundary.rstrip()
    opened = -1
    position = start - 1 if start else 0
    for _ in range(2 * MAXIMUM_PARTS):
        hit = message.find(needle, position, end)
        if hit < 0:
            break
        position = hit + len(needle)
        line_end = message.find(b"\n", position, end)
        rest = message[position : min(line_end if line_end >= 0 else end, position + 200)].rstrip()
        if rest not in (b"", b"--"):
            continue
        if opened >= 0:
            ranges.append((opened, hit - 1 if message[hit - 1 : hit] == b"\r" else hit))
        opened = -1 if rest or line_end < 0 else line_end + 1
        if opened < 0:
            break
        position = line_end
    if opened >= 0:
        ranges.append((opened, end))
    return [(first, last) for first, last in ranges if last > first]


def _decode(octets: bytes, encoding: bytes) -> bytes:
    """Return the octets without their transfer encoding, read generously; an unknown one is left as it is."""
    if encoding == b"base64":
        return _decode_base64(octets)
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(octets)
    return octets


def _decode_base64(octets: bytes) -> bytes:
    """Return what base64 text holds: foreign octets skipped, padding missing or in the middle taken in stride."""
    blocks = octets.translate(None, _NOT_BASE64).split(b"=")
    parts = []
    for block in filter(None, blocks):
        whole = block if len(block) % 4 != 1 else block[:-1]
        parts.append(binascii.a2b_base64(whole + b"=" * (-len(whole) % 4)))
    return b"".join(parts)


def _undress(part: _Part) -> bytes:
    """Return the octets, decoded once more when they are base64 that nobody declared."""
    head = part.octets[:4096].strip()
    if len(head) < 16 or _is_packed(head) or not _BASE64_TEXT.fullmatch(head):
        return part.octets
    decoded = _decode_base64(part.octets)
    return decoded if _is_packed(decoded) or _is_report_text(decoded) else part.octets


def _is_packed(octets: bytes) -> bool:
    return is_gzip(octets) or is_zip(octets)


def _is_report_text(octets: bytes) -> bool:
    """True for XML that opens with ``feedback`` within its first kilobytes."""
    return looks_like_xml(octets) and b"feedback" in octets[:4096].replace(b"\0", b"").lower()


def _claims_report(part: _Part) -> bool:
    kinds = ("xml", "gzip", "zip", "octet-stream")
    named = part.file_name.lower().endswith((".xml", ".gz", ".gzip", ".zip"))
    return named or (part.media_type.startswith("application/") and part.media_type.endswith(kinds))
