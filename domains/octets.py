"""The octets of a message: ``bytes`` while small, above that a file mapped into memory, with what stands before it.

Pages of a mapped file are the kernel's and can be dropped, so a large message costs no memory of the process however
often it is looked at. What reads messages asks only for what both kinds have (``len``, index, slice, ``find``,
``count``, ``startswith``) and for the functions here. Pure.
"""

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from typing import overload

WINDOW = 256 * 1024
_CHUNK = 1024 * 1024


class MappedOctets:
    """``head``, then the octets of a mapped file; reads like ``bytes``. A slice is a copy: take small ones."""

    __slots__ = ("_head", "_held", "_size", "_tail")

    def __init__(self, head: bytes, tail: memoryview) -> None:
        self._head = head
        self._tail = tail
        self._size = len(head) + len(tail)
        self._held = (0, b"")  # where the window that was read last begins, and its octets

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> int: ...

    @overload
    def __getitem__(self, place: slice) -> bytes: ...

    def __getitem__(self, place: int | slice) -> int | bytes:
        if isinstance(place, slice):
            start, stop, _ = place.indices(self._size)
            return self._between(start, max(start, stop))
        at = place + self._size if place < 0 else place
        if not 0 <= at < self._size:
            raise IndexError("octets index out of range")
        return self._between(at, at + 1)[0]

    def find(self, wanted: bytes, start: int = 0, end: int | None = None) -> int:
        """Return the offset of the first ``wanted`` in whole between the two offsets, else -1."""
        stop = self._size if end is None else min(end, self._size)
        while start <= stop - len(wanted):
            begin, held = self._window(start, start + len(wanted))
            found = held.find(wanted, start - begin, stop - begin)
            if found >= 0:
                return begin + found
            start = begin + len(held) - len(wanted) + 1
        return -1

    def count(self, octet: bytes, start: int = 0, end: int | None = None) -> int:
        """Return how often one octet stands between the two offsets."""
        stop = self._size if end is None else min(end, self._size)
        return sum(self._copy(at, min(at + WINDOW, stop)).count(octet) for at in range(start, stop, WINDOW))

    def startswith(self, wanted: bytes, start: int = 0) -> bool:
        """True when ``wanted`` stands at ``start``."""
        return self._between(start, min(start + len(wanted), self._size)) == wanted

    def behind(self, start: int) -> "MappedOctets":
        """Return the octets from an offset on, without a copy."""
        into = max(start - len(self._head), 0)
        return MappedOctets(self._head[start:], self._tail[into:])

    def after(self, head: bytes) -> "MappedOctets":
        """Return these octets with others before them."""
        return MappedOctets(head + self._head, self._tail)

    def chunks(self) -> Iterator[bytes | memoryview]:
        """Yield all octets in pieces of at most about 1 MB, uncopied."""
        yield self._head
        for start in range(0, len(self._tail), _CHUNK):
            yield self._tail[start : start + _CHUNK]

    def _between(self, start: int, stop: int) -> bytes:
        if stop - start > WINDOW:
            return self._copy(start, stop)
        begin, held = self._window(start, stop)
        return held[start - begin : stop - begin]

    def _window(self, start: int, stop: int) -> tuple[int, bytes]:
        """Return a window that holds these octets, the last one where it does."""
        begin, held = self._held
        if start < begin or stop > begin + len(held):
            begin, held = self._held = start, self._copy(start, min(max(start + WINDOW, stop), self._size))
        return begin, held

    def _copy(self, start: int, stop: int) -> bytes:
        inside = len(self._head)
        if start >= inside:
            return bytes(self._tail[start - inside : stop - inside])
        return self._head[start:stop] + bytes(self._tail[: max(stop - inside, 0)])


Octets = bytes | MappedOctets


def map_file(descriptor: int) -> MappedOctets:
    """Return the octets of a file, not an empty one; it may be closed and removed then, and must not be changed."""
    return MappedOctets(b"", memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)))


def spill(chunks: Iterable[bytes | memoryview]) -> memoryview:
    """Return the pieces as one buffer on a file without a name."""
    with tempfile.TemporaryFile() as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.tell() else b"")


def behind(octets: Octets, start: int) -> Octets:
    """Return the octets from an offset on; those of a large message are not copied."""
    return octets[start:] if isinstance(octets, bytes) else octets.behind(start)


def joined(head: bytes, octets: Octets) -> Octets:
    """Return the octets with others before them."""
    return head + octets if isinstance(octets, bytes) else octets.after(head)


def chunks_of(octets: Octets) -> Iterable[bytes | memoryview]:
    """Return the octets in pieces that nobody has to hold at once."""
    return (octets,) if isinstance(octets, bytes) else octets.chunks()


def whole(octets: Octets) -> bytes:
    """Return the octets as one copy in memory, for what cannot do without."""
    return octets if isinstance(octets, bytes) else b"".join(octets.chunks())
