"""The message as BDAT brings it (RFC 3030): counted octets instead of an end mark, spooled above 1 MB.

The rules for the content are those of DATA: bare CR or LF and NUL are found, whichever chunk boundary they stand at.
"""

from mailboxes.smtp.lines import ANY_LINE_END
from mailboxes.smtp.spool import Spool


class ChunkReader:
    """Gathers chunks; after ``finish()`` ``spool``, ``size``, and why the content may not be taken: ``too_big``,
    ``has_nul``, ``bare``.
    """

    __slots__ = ("_held", "_limit", "_normalise", "_tail", "bare", "has_nul", "size", "spool")

    def __init__(self, limit: int, normalise: bool) -> None:
        self._limit = limit
        self._normalise = normalise
        self._held = b""  # a CR whose LF may come with the next octets
        self._tail = b""  # the last two octets
        self.spool = Spool()
        self.size = 0
        self.bare = False
        self.has_nul = False

    @property
    def too_big(self) -> bool:
        """True when the content is larger than the limit."""
        return self.size > self._limit

    def take(self, octets: bytes) -> None:
        """Add octets of a chunk, cut anywhere."""
        octets = self._held + octets
        self._held = b"\r" if octets.endswith(b"\r") else b""
        self._add(octets[:-1] if self._held else octets)

    def finish(self) -> None:
        """End the content; a last line without its CRLF gets one."""
        held, self._held = self._held, b""
        if held:
            self._add(held)
        if self.size and self._tail != b"\r\n":
            self._write(b"\r\n")
        self.spool.rewind()

    def close(self) -> None:
        """Free the content."""
        self.spool.close()

    def _add(self, octets: bytes) -> None:
        """Add octets that end outside a CRLF pair."""
        pairs = octets.count(b"\r\n")
        if octets.count(b"\r") != pairs or octets.count(b"\n") != pairs:
            self.bare = True
            if self._normalise:
                octets = ANY_LINE_END.sub(b"\r\n", octets)
        self.has_nul = self.has_nul or b"\0" in octets
        self._write(octets)

    def _write(self, octets: bytes) -> None:
        self.size += len(octets)
        self._tail = (self._tail + octets[-2:])[-2:]
        if not (self.too_big or self.has_nul or (self.bare and not self._normalise)):
            self.spool.write(octets)
