"""From a file to the octets of one report: plain, gzip (RFC 1952) or zip, everything bounded.

What a file is, its first octets say, never its name (gzip named ``.zip`` is common). One level is unpacked; output,
ratio, time, members and directory are bounded, and the first octet past a bound stops the work.
Invariant: hostile octets raise BadArchive, never another error.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

MAXIMUM_OCTETS = 20 * 1024 * 1024
MAXIMUM_RATIO = 200
MAXIMUM_SECONDS = 5.0
MAXIMUM_MEMBERS = 100
MAXIMUM_DIRECTORY_OCTETS = 64 * 1024

_CHUNK = 64 * 1024
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ZIP_END = b"PK\x05\x06"
_ZIP64_LOCATOR = b"PK\x06\x07"
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

Clock = Callable[[], float]


class BadArchive(ValueError):
    """The file cannot be unpacked; ``str()`` is one sentence for people."""


def is_gzip(octets: bytes) -> bool:
    """True when the octets begin as gzip does (RFC 1952)."""
    return octets[:2] == _GZIP


def is_zip(octets: bytes) -> bool:
    """True when the octets begin as a zip archive does."""
    return octets[:4] in _ZIP


def is_packed(octets: bytes) -> bool:
    """True for gzip and zip."""
    return is_gzip(octets) or is_zip(octets)


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


def unpack(
    octets: bytes,
    file_name: str,
    clock: Clock | None = None,
    is_content: Callable[[bytes], bool] = looks_like_xml,
    kind: str = "XML",
) -> bytes:
    """Return the XML, or what else ``is_content`` knows as ``kind``, in a plain, gzip or zip file; raises BadArchive.

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
        return _plain(octets, file_name, is_content, kind)
    content = b"".join(budget.parts)
    if is_packed(content):
        raise BadArchive("The archive holds another archive; one level is unpacked.")
    if not is_content(content):
        raise BadArchive(f"The archive holds no {kind}.")
    return content


def _plain(octets: bytes, file_name: str, is_content: Callable[[bytes], bool], kind: str) -> bytes:
    if len(octets) > MAXIMUM_OCTETS:
        raise BadArchive(f"The file is larger than {MAXIMUM_OCTETS // 2**20} MB.")
    if not is_content(octets):
        shown = f"The file {file_name[:80]!r}" if file_name else "The file"
        raise BadArchive(f"{shown} is neither {kind} nor gzip nor zip.")
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
    named = [m for m in files if m.filename.lower().endswith((".xml", ".json"))] or files
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
