"""How a message goes over POP3: lines that end in CRLF, dots stuffed, a dot alone at the end (RFC 1939 §3). Pure.

Most messages are such lines already; one appended over IMAP may hold bare CR or LF, or end without CRLF. Each is
a line's end too, so that no line of a message can be taken for the end of the answer by a program that reads bare
LF as an end. Invariants: however the octets are cut, the same come out; nothing but one piece is held.
"""

from collections.abc import Iterable, Iterator

from domains.octets import Octets, chunks_of
from mailboxes.smtp.lines import ANY_LINE_END

PIECE_OCTETS = 64 * 1024
END = b".\r\n"


def pieces_of(octets: Octets) -> Iterator[bytes]:
    """Yield the octets in small copies."""
    for chunk in chunks_of(octets):
        for start in range(0, len(chunk), PIECE_OCTETS):
            yield bytes(chunk[start : start + PIECE_OCTETS])


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the octets as lines that all end in CRLF; no piece ends inside a CRLF."""
    held = b""
    last = b"\n"
    for piece in pieces:
        octets = held + piece
        held = b"\r" if octets.endswith(b"\r") else b""
        octets = _mended(octets[:-1] if held else octets)
        if octets:
            last = octets[-1:]
            yield octets
    if held or last != b"\n":
        yield b"\r\n"


def _mended(octets: bytes) -> bytes:
    """Return octets that end outside a CRLF with every line end as CRLF."""
    pairs = octets.count(b"\r\n")
    if octets.count(b"\r") == pairs and octets.count(b"\n") == pairs:
        return octets
    return ANY_LINE_END.sub(b"\r\n", octets)


def first_lines(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Yield at most so many lines of whole lines."""
    for piece in pieces:
        if count <= 0:
            return
        ends = piece.count(b"\n")
        if ends < count:
            count -= ends
            yield piece
            continue
        position = 0
        for _ in range(count):
            position = piece.index(b"\n", position) + 1
        yield piece[:position]
        return


def stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines as the body of an answer: dots doubled, and the end."""
    at_start = True
    for piece in pieces:
        octets = piece.replace(b"\n.", b"\n..")
        yield b"." + octets if at_start and octets.startswith(b".") else octets
        at_start = octets.endswith(b"\n")
    yield END


def line_octets(octets: Octets) -> int:
    """Return how many octets the message has as lines; its own size for all but odd ones."""
    return sum(map(len, whole_lines(pieces_of(octets))))
