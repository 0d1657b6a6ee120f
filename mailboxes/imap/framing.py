"""Where a command ends (RFC 9051 §2.2, RFC 7888): lines, literals and their limits are decided here alone.

Invariants: only CRLF ends a line; the same octets give the same events however they are split; what is held is
bounded by ``Limits``, and a large literal of APPEND or REPLACE is spooled. Events are pulled, since a command may
change what comes next (STARTTLS, AUTHENTICATE, IDLE).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE
SPOOL_OCTETS = MEGABYTE
DISCARD_OCTETS = 128 * MEGABYTE
ENDLESS_OCTETS = 2 * MEGABYTE

_LITERAL = re.compile(rb"\{(\d{1,20})(\+?)\}\Z")
_APPEND = re.compile(rb"[^ ]{1,100} (?:APPEND|(?:UID )?REPLACE) ", re.IGNORECASE)
_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]{1,40}(?= )')


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets: of a command with its literals, of one literal outside APPEND, of an APPEND's literal."""

    command: int = 64 * KILOBYTE
    literal: int = 64 * KILOBYTE
    append: int = 0


BEFORE_LOGIN = Limits()
AFTER_LOGIN = Limits(MEGABYTE, 100 * KILOBYTE, 25 * MEGABYTE)


class Literal:
    """A literal's octets, in memory or spooled to a file when large."""

    __slots__ = ("_file", "_octets", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._octets = bytearray()
        self._file = SpooledTemporaryFile(max_size=SPOOL_OCTETS) if size > SPOOL_OCTETS else None  # noqa: SIM115

    def write(self, piece: bytes | bytearray) -> None:
        """Add octets."""
        if self._file is not None:
            self._file.write(piece)
        else:
            self._octets += piece

    def read(self) -> bytes:
        """Return all octets."""
        if self._file is None:
            return bytes(self._octets)
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, slots=True)
class Complete:
    """One whole command: ``text`` without its CRLF, each literal's octets taken out after its ``{n}CRLF``."""

    text: bytes
    literals: Sequence[Literal] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its CRLF, when a line was asked for (DONE, a SASL response)."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class GoOn:
    """The client waits for a continuation before its literal."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that cannot be taken; ``tag`` is empty when none could be read; ``fatal`` ends the session."""

    tag: bytes
    text: str
    too_big: bool = False
    fatal: bool = False


Event = Complete | Line | GoOn | Refused


@dataclass(slots=True)
class Framer:
    """Cuts the octets of ``buffer``, which it shares with the connection, into events."""

    buffer: bytearray
    limits: Limits = BEFORE_LOGIN
    wants_line: bool = False
    _scanned: int = 0
    _text: bytearray = field(default_factory=bytearray)
    _literals: list[Literal] = field(default_factory=list)
    _held: int = 0  # octets of text and literals held for this command
    _appended: int = 0  # octets of an APPEND's literals
    _missing: int = 0  # octets of the current literal still to come
    _refusal: Refused | None = None
    _overlong: bool = False
    _shed: int = 0  # octets thrown away of a line over the limit
    _passed: int = 0  # octets of refused literals passed over

    def next_event(self) -> Event | None:
        """Return the next event, or None when more octets are needed."""
        while True:
            if self._missing and not self._take_literal():
                return None
            line = self._take_line()
            if line is None or isinstance(line, Refused):
                return line
            if self.wants_line and self._refusal is None:
                return Line(line)
            event = self._line_done(line)
            if event is not None:
                return event

    @property
    def between_commands(self) -> bool:
        """True while no command has begun."""
        return not (self.buffer or self._text or self._missing or self._shed)

    def close(self) -> None:
        """Forget everything: the connection is gone, or TLS begins."""
        self.buffer.clear()
        self._reset()

    def _reset(self) -> None:
        for literal in self._literals:
            literal.close()
        self._text, self._literals, self._refusal = bytearray(), [], None
        self._scanned = self._held = self._appended = self._missing = self._shed = self._passed = 0
        self._overlong = False

    def _take_literal(self) -> bool:
        """Move octets into the literal; True when it is whole."""
        piece = self.buffer[: self._missing]
        del self.buffer[: len(piece)]
        self._missing -= len(piece)
        if self._refusal is None:
            self._literals[-1].write(piece)
        return self._missing == 0

    def _take_line(self) -> bytes | Refused | None:
        """Return the next line without its CRLF, empty when it is over the limit; None when it is not whole yet."""
        end = self.buffer.find(b"\n", self._scanned)
        length = self._shed + (len(self.buffer) if end < 0 else end)
        if length > ENDLESS_OCTETS:
            self.close()
            return Refused(b"", "The line has no end", fatal=True)
        room = self.limits.command - min(self._held, self.limits.command)
        if length > room + 1:  # the CR is not counted
            self._refuse(bytes(self.buffer[:200]), "The command is too long")
            self._overlong = True
        if end < 0:
            self._wait_for_line_end(length)
            return None
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        self._scanned = self._shed = 0
        if self._overlong:
            return b""
        if not line.endswith(b"\r") or b"\r" in line[:-1] or b"\0" in line:
            tag = self._tag(line)
            self._reset()
            return Refused(tag, "Lines end with CRLF and hold no other CR, LF or NUL")
        return line[:-1]

    def _wait_for_line_end(self, length: int) -> None:
        """Remember what was looked at; of a line over the limit only the length is kept."""
        self._scanned = len(self.buffer)
        if self._overlong:
            self._shed = length
            self._scanned = 0
            self.buffer.clear()

    def _line_done(self, line: bytes) -> Event | None:
        """Take a line of a command: the last one, or one that announces a literal."""
        literal = _LITERAL.search(line[-24:])
        if not self._overlong:
            self._hold(line)
        if literal is not None and not self._overlong:
            return self._announced(int(literal[1]), nonsync=bool(literal[2]))
        event: Event = self._refusal or Complete(bytes(self._text), tuple(self._literals))
        if self._refusal is None:
            self._literals = []
        self._reset()
        return event

    def _hold(self, line: bytes) -> None:
        """Keep a line of the command, if there is room."""
        self._held += len(line)
        if self._held > self.limits.command:
            self._refuse(line, "The command is too long")
        if self._refusal is None:
            self._text += line

    def _announced(self, size: int, nonsync: bool) -> Event | None:
        """Decide on a literal before it comes; a refused one that comes anyway is thrown away."""
        append = bool(self.limits.append) and _APPEND.match(self._text) is not None
        if append:
            room = min(self.limits.append, self.limits.append + self.limits.literal - self._appended)
        else:
            room = min(self.limits.literal, self.limits.command - self._held)
        if size > room:
            self._refuse(b"", "The literal is too large", too_big=True)
        if self._refusal is not None:
            return self._refused_literal(size, nonsync)
        self._text += b"\r\n"
        self._held += 0 if append else size
        self._appended += size if append else 0
        self._literals.append(Literal(size))
        self._missing = size
        return None if nonsync else GoOn()

    def _refused_literal(self, size: int, nonsync: bool) -> Event | None:
        """A synchronising client is told and sends no more; another one's octets are passed over, if bearable."""
        refusal = self._refusal
        assert refusal is not None
        if not nonsync:
            self._reset()
            return refusal
        self._missing = size
        self._passed += size
        if self._passed > DISCARD_OCTETS:
            self._reset()
            return Refused(refusal.tag, refusal.text, refusal.too_big, fatal=True)
        return None

    def _refuse(self, line: bytes, text: str, too_big: bool = False) -> None:
        """Remember the first reason to refuse the command, and let go of what is held of it."""
        if self._refusal is None:
            self._refusal = Refused(self._tag(line), text, too_big)
            for literal in self._literals:
                literal.close()
            self._literals = []
            self._text = bytearray(self._text[:200])

    def _tag(self, line: bytes) -> bytes:
        """Return the command's tag, empty when it has none."""
        found = _TAG.match(bytes(self._text[:120]) or line[:120])
        return found.group() if found is not None else b""
