"""From a file to the octets of its report, or reports: plain, gzip (RFC 1952) or zip, everything bounded.

What a file is, its first octets say, never its name (gzip named ``.zip`` is common). One level is unpacked; output,
ratio, time, members and directory are bounded, and the first octet past a bound stops the work. Octets come in
chunks, so that a file of any size costs the same memory; ``unpack`` is for those who want them at once.
Invariant: hostile octets raise BadArchive, never another error, from the calls and from the iterators they return.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO

MAXIMUM_OCTETS = 20 * 1024 * 1024
MAXIMUM_MEMBERS = 100  # of gzip, whose members make one file

_CHUNK = 64 * 1024
_PROBE = 4096
_DIRECTORY_ENTRY_OCTETS = 640
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ZIP_END = b"PK\x05\x06"
_ZIP64_LOCATOR = b"PK\x06\x07"
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

Clock = Callable[[], float]


class BadArchive(ValueError):
    """The file cannot be unpacked; ``str()`` is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost: octets unpacked, octets out for one in, files in one zip archive, seconds."""

    octets: int
    ratio: int
    files: int
    seconds: float


FROM_OUTSIDE = Limits(MAXIMUM_OCTETS, 200, 100, 5.0)
OWN_FILES = Limits(2 * 1024**3, 2_000, 10_000, 3600.0)  # of an administrator, from a disk


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


class _Budget:
    """What unpacking may still produce and take; ``take`` refuses the first octet too many.

    Time counts from ``step``, asked for before each piece, to ``take``: that of whoever reads the pieces is theirs.
    """

    def __init__(self, limits: Limits, packed_octets: int, clock: Clock | None) -> None:
        self._limits = limits
        self._most = min(limits.octets, packed_octets * limits.ratio)
        self._octets = 0
        self._clock = clock or _no_time
        self._asked = self._spent = 0.0

    @property
    def step(self) -> int:
        """The most octets to ask for next: one past the bound at most, so that the bound is noticed."""
        self._asked = self._clock()
        return min(_CHUNK, self._most - self._octets + 1)

    def take(self, part: bytes) -> bytes:
        """Return one piece of output, counted; raises BadArchive past size, ratio or time."""
        self._octets += len(part)
        if self._octets > self._limits.octets:
            raise BadArchive(f"The file unpacks to more than {_megabytes(self._limits)}.")
        if self._octets > self._most:
            raise BadArchive(f"The file unpacks to more than {self._limits.ratio} times its size.")
        self._spent += self._clock() - self._asked
        if self._spent > self._limits.seconds:
            raise BadArchive(f"The file takes more than {self._limits.seconds:.0f} seconds to unpack.")
        return part


def _no_time() -> float:
    return 0.0


def _megabytes(limits: Limits) -> str:
    return f"{limits.octets // 2**20} MB"


@dataclass(frozen=True, slots=True)
class Content:
    """What a file should hold: how its first octets are known, and its name in sentences."""

    begins: Callable[[bytes], bool]
    name: str


XML = Content(looks_like_xml, "XML")


def unpack(
    octets: bytes,
    file_name: str,
    clock: Clock | None = None,
    is_content: Callable[[bytes], bool] = looks_like_xml,
    kind: str = "XML",
) -> bytes:
    """Return the XML, or what else ``is_content`` knows as ``kind``, in a file that came from outside.

    ``file_name`` serves the message alone. ``clock`` counts seconds; without one only the sizes are bounded. Raises
    BadArchive.
    """
    return b"".join(unpacked_chunks(BytesIO(octets), file_name, FROM_OUTSIDE, clock, Content(is_content, kind)))


def unpacked_chunks(
    file: BinaryIO, file_name: str, limits: Limits, clock: Clock | None = None, content: Content = XML
) -> Iterator[bytes]:
    """Yield the octets of the one report in an open file; raises BadArchive, at the latest at their end."""
    beginning, size = _look(file)
    budget = _Budget(limits, size, clock)
    if is_gzip(beginning):
        return _checked(_gunzip(file, budget), content)
    if is_zip(beginning):
        return _checked(_unzip_one(file, budget, limits), content)
    return _plain(file, file_name, size, limits, content)


def unpacked_members(
    file: BinaryIO, file_name: str, limits: Limits, clock: Clock | None = None, content: Content = XML
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield (name, octets) of every report in an open file: a zip archive may hold many, all on one budget.

    The octets of one are read before the next is asked for. Raises BadArchive, as do the octets, for all that follow.
    """
    beginning, size = _look(file)
    if not is_zip(beginning):
        yield file_name, unpacked_chunks(file, file_name, limits, clock, content)
        return
    budget = _Budget(limits, size, clock)
    with _zip_faults(), _open_zip(file, limits) as archive:
        for member in _report_members(archive):
            yield member.filename, _checked(_inflate(archive, member, budget), content)


def _look(file: BinaryIO) -> tuple[bytes, int]:
    """Return the first octets and the length of a file, which then stands at its beginning."""
    size = file.seek(0, SEEK_END)
    if not size:
        raise BadArchive("The file is empty.")
    file.seek(0)
    beginning = file.read(_PROBE)
    file.seek(0)
    return beginning, size


def _plain(file: BinaryIO, file_name: str, size: int, limits: Limits, content: Content) -> Iterator[bytes]:
    if size > limits.octets:
        raise BadArchive(f"The file is larger than {_megabytes(limits)}.")
    chunks = _pieces(file)
    chunk = next(chunks, b"")
    if not content.begins(chunk):
        shown = f"The file {file_name[:80]!r}" if file_name else "The file"
        raise BadArchive(f"{shown} is neither {content.name} nor gzip nor zip.")
    while chunk:
        yield chunk
        chunk = next(chunks, b"")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _checked(chunks: Iterable[bytes], content: Content) -> Iterator[bytes]:
    """Pass on what was unpacked once its beginning is what it should be."""
    source = iter(chunks)
    beginning = b""
    for chunk in source:
        beginning += chunk
        if len(beginning) >= _PROBE:
            break
    if is_packed(beginning):
        raise BadArchive("The archive holds another archive; one level is unpacked.")
    if not content.begins(beginning):
        raise BadArchive(f"The archive holds no {content.name}.")
    yield beginning
    yield from source


def _gunzip(file: BinaryIO, budget: _Budget) -> Iterator[bytes]:
    """Inflate every gzip member; zeros or noise after a whole member are ignored, as gzip itself does."""
    held = b""
    for _ in range(MAXIMUM_MEMBERS):
        machine = zlib.decompressobj(wbits=31)
        while not machine.eof:
            held = held or file.read(_CHUNK)
            if not held:
                raise BadArchive("The gzip file ends too early.")
            try:
                part = machine.decompress(held, budget.step)
            except zlib.error as error:
                raise BadArchive("The gzip file is damaged.") from error
            held = machine.unconsumed_tail
            if part:
                yield budget.take(part)
        held = machine.unused_data
        held = held if len(held) > 1 else held + file.read(_CHUNK)
        if not is_gzip(held):
            return
    raise BadArchive(f"The gzip file has more than {MAXIMUM_MEMBERS} members.")


@contextmanager
def _zip_faults() -> Iterator[None]:
    """Turn what zipfile raises on hostile octets into BadArchive."""
    try:
        yield
    except BadArchive:
        raise
    except (zipfile.BadZipFile, zlib.error, struct.error, LookupError) as error:  # a name may be empty
        raise BadArchive("The zip archive is damaged.") from error
    except (EOFError, OSError, RuntimeError, NotImplementedError, ValueError, OverflowError) as error:
        raise BadArchive("The zip archive cannot be read.") from error


def _open_zip(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    _check_directory(file, limits)
    return zipfile.ZipFile(file)


def _unzip_one(file: BinaryIO, budget: _Budget, limits: Limits) -> Iterator[bytes]:
    """Inflate the one report of a zip archive, in whatever folder it lies."""
    with _zip_faults(), _open_zip(file, limits) as archive:
        members = _report_members(archive)
        if len(members) > 1:
            raise BadArchive(f"The zip archive holds {len(members)} files where one report is expected.")
        yield from _inflate(archive, members[0], budget)


def _inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: _Budget) -> Iterator[bytes]:
    if member.flag_bits & 1:
        raise BadArchive("The zip archive is encrypted.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive("The zip archive is packed by a method other than deflate.")
    with _zip_faults(), archive.open(member) as stream:
        while part := stream.read(budget.step):
            yield budget.take(part)


def _check_directory(file: BinaryIO, limits: Limits) -> None:
    """Refuse a directory that would cost time before the first member is read (APPNOTE 4.3.16)."""
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - 65_557 - 20))
    octets = file.read()
    end = octets.rfind(_ZIP_END)
    if end < 0 or len(octets) - end < 22:
        raise BadArchive("The zip archive ends too early.")
    if octets[max(0, end - 20) : end].startswith(_ZIP64_LOCATOR):
        raise BadArchive("The zip archive is of the kind for files above 4 GB.")
    entries, length = struct.unpack_from("<HI", octets, end + 10)
    if entries > limits.files or length > limits.files * _DIRECTORY_ENTRY_OCTETS:
        raise BadArchive(f"The zip archive has more than {limits.files} entries.")


def _report_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return what may be reports, at least one: files of their endings, or all files when none has one."""
    files = [m for m in archive.infolist() if not m.is_dir() and not _is_attendant(m.filename)]
    named = [m for m in files if m.filename.lower().endswith((".xml", ".json"))] or files
    if not named:
        raise BadArchive("The zip archive holds no file.")
    return named


def _is_attendant(name: str) -> bool:
    """True for what file managers add beside the real file."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")
