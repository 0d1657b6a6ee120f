"""Where a command and a message end (RFC 5321 §2.3.8, §4.1.1.4, §4.5.2): only CRLF ends a line.

Smuggling lives here and nowhere else. Invariants: the same octets give the same lines and the same content however
they are split; ``CRLF . CRLF`` alone ends DATA; nothing is held beyond one longest line, or one window of DATA.
"""

import re
from enum import Enum

from mailboxes.smtp.spool import Spool

WINDOW_OCTETS = 64 * 1024
_END = b"\r\n.\r\n"
ANY_LINE_END = re.compile(rb"\r\n|\r|\n")


class LineFault(Enum):
    """A line that is refused whole."""

    BARE = "bare"  # holds CR or LF outside CRLF
    LONG = "long"  # longer than any command may be


class LineBuffer:
    """Octets from the peer, cut into command lines.

    A bare LF is answered at once (a person at netcat should not wait for ever), yet the refused line still ends
    only at the next CRLF: what follows the LF never becomes a command.
    """

    __slots__ = ("_long", "_maximum", "_refused", "_scanned", "discarded", "octets")

    def __init__(self, maximum: int) -> None:
        self.octets = bytearray()
        self.discarded = 0  # octets thrown away of overlong lines
        self._maximum = maximum
        self._scanned = 0
        self._long = False
        self._refused = False

    def next_line(self) -> bytes | LineFault | None:
        """Return the next line without its CRLF, a fault, or None when more octets are needed."""
        octets = self.octets
        while True:
            end = octets.find(b"\n", self._scanned)
            if end < 0:
                self._scanned = len(octets)
                self._shed()
                return None
            crlf = end > 0 and octets[end - 1] == 13
            line = bytes(octets[: end - 1]) if crlf else b""
            del octets[: end + 1]
            self._scanned = 0
            if not crlf:
                self._refused, self._long = True, False
                return LineFault.BARE
            if self._refused:
                self._refused = False
                continue
            if self._long or len(line) > self._maximum - 2:
                self._long = False
                return LineFault.LONG
            return LineFault.BARE if b"\r" in line else line

    def has_line(self) -> bool:
        """True when the end of a line is already here: the peer pipelines."""
        return b"\n" in self.octets

    def clear(self) -> None:
        """Forget everything received (after STARTTLS)."""
        self.octets.clear()
        self._scanned = 0
        self._long = self._refused = False

    def restart(self) -> None:
        """Look at the octets from the first one again, after a reader of DATA took its part."""
        self._scanned = 0

    def _shed(self) -> None:
        """Drop an overlong line as it comes, all but the last octet, which may be the CR of its end."""
        if len(self.octets) <= self._maximum:
            return
        self.discarded += len(self.octets) - 1
        del self.octets[:-1]
        self._scanned = 1
        self._long = True


class DataReader:
    """The message after 354: finds its end, takes the dots off, counts, and spools.

    It reads from the buffer of the command lines and leaves there what comes after the end. Works in windows, with
    C-speed searches only, so the cost is linear. After ``advance()`` has returned True: ``spool`` and ``size``,
    and why the content may not be taken: ``too_big``, ``has_nul``, ``bare``.
    """

    __slots__ = (
        "_first",
        "_limit",
        "_normalise",
        "_octets",
        "_scanned",
        "bare",
        "has_nul",
        "received",
        "size",
        "spool",
    )

    def __init__(self, octets: bytearray, limit: int, normalise: bool) -> None:
        # The CRLF of the DATA command starts the first line: with it in place, a dot there needs no rule of its own.
        octets[:0] = b"\r\n"
        self._octets = octets
        self._limit = limit
        self._normalise = normalise
        self._first = True
        self._scanned = 0
        self.spool = Spool()
        self.size = 0
        self.received = 0
        self.bare = False
        self.has_nul = False

    @property
    def too_big(self) -> bool:
        """True when the content is larger than the limit."""
        return self.size > self._limit

    @property
    def hopeless(self) -> bool:
        """True when a refused message is twice as long as any may be: stop reading it."""
        return self.received > 2 * self._limit + WINDOW_OCTETS

    def advance(self) -> bool:
        """Take what is in the buffer; True once the end was met."""
        octets = self._octets
        end = octets.find(_END, self._scanned)
        if end >= 0:
            self._take(bytes(octets[: end + 2]))
            del octets[: end + 5]
            self.spool.rewind()
            return True
        if len(octets) > WINDOW_OCTETS:
            self._flush()
        self._scanned = max(0, len(octets) - 4)
        return False

    def close(self) -> None:
        """Free the content of a message that will not be taken."""
        self.spool.close()

    def _flush(self) -> None:
        """Take all but the last octets, never cutting inside ``CRLF .``."""
        octets = self._octets
        cut = len(octets) - 4
        if octets[cut - 1] == 13:
            cut -= 1
        elif octets[cut - 1] == 10 and octets[cut - 2] == 13:
            cut -= 2
        self._take(bytes(octets[:cut]))
        del octets[:cut]

    def _take(self, chunk: bytes) -> None:
        """Add a piece that begins and ends outside CRLF pairs and stuffed dots."""
        self.received += len(chunk)
        pairs = chunk.count(b"\r\n")
        if chunk.count(b"\r") != pairs or chunk.count(b"\n") != pairs:
            self.bare = True
        if not self.has_nul and b"\0" in chunk:
            self.has_nul = True
        if b"\r\n." in chunk:
            chunk = chunk.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            chunk = chunk[2:]
        if self.bare and self._normalise:
            chunk = ANY_LINE_END.sub(b"\r\n", chunk)
        self.size += len(chunk)
        if not (self.too_big or self.has_nul or (self.bare and not self._normalise)):
            self.spool.write(chunk)
