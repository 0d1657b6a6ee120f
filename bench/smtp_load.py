"""Sends prepared messages over N connections side by side and writes down what was answered; a load, not a test.

Used by bench/inbound for both sides alike. Envelope commands are pipelined (RFC 2920), the message follows the 354.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice


@dataclass
class Tally:
    """What the load saw: accepted and refused messages, the replies of the refused, the seconds it took."""

    accepted: int = 0
    refused: int = 0
    replies: list[str] = field(default_factory=list)
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)


async def _reply(reader: StreamReader) -> str:
    while True:
        line = await reader.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        if line[3:4] != b"-":
            return line.decode(errors="replace").strip()


async def _greeted(
    address: tuple[str, int], tls: ssl.SSLContext | None, source: str | None
) -> tuple[StreamReader, StreamWriter]:
    """Open one connection, from ``source`` if given, and say EHLO, under TLS again."""
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(*address, local_addr=local)
    greeting = await _reply(reader)
    if not greeting.startswith("220"):
        writer.close()
        raise ConnectionError(greeting)
    writer.write(b"EHLO load.example\r\n")
    await _reply(reader)
    if tls is not None:
        writer.write(b"STARTTLS\r\n")
        await _reply(reader)
        await writer.start_tls(tls)
        writer.write(b"EHLO load.example\r\n")
        await _reply(reader)
    return reader, writer


async def _session(
    address: tuple[str, int],
    work: Iterator[tuple[str, str, bytes]],
    tally: Tally,
    per_session: int,
    tls: ssl.SSLContext | None,
    source: str | None = None,
) -> None:
    """Send at most ``per_session`` messages from the shared work through one connection."""
    reader, writer = await _greeted(address, tls, source)
    for sender, recipient, body in islice(work, per_session):
        begun = time.perf_counter()
        writer.write(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
        replies = [await _reply(reader) for _ in range(3)]
        if not replies[2].startswith("354"):
            tally.refused += 1
            tally.replies.append(" | ".join(replies))
            break
        writer.write(body)
        last = await _reply(reader)
        tally.latencies.append(time.perf_counter() - begun)
        if last.startswith("250"):
            tally.accepted += 1
        else:
            tally.refused += 1
            tally.replies.append(last)
    writer.write(b"QUIT\r\n")
    await _reply(reader)
    writer.close()


async def send_one(address: tuple[str, int], source: str, message: tuple[str, str, bytes], tally: Tally) -> None:
    """Send one message through a connection of its own from the address ``source``; OSError when there is none."""
    await _session(address, iter([message]), tally, 1, None, source)


async def run_load(
    address: tuple[str, int],
    messages: Sequence[tuple[str, str, bytes]],
    connections: int,
    per_session: int = 1,
    tls: ssl.SSLContext | None = None,
) -> Tally:
    """Send all (sender, recipient, wire octets ending CRLF.CRLF) messages; returns the tally.

    ``per_session`` messages go through one connection before it is closed: 1 is what most servers do. With ``tls``
    each connection says STARTTLS.
    """
    tally = Tally()
    work = iter(messages)
    begun = time.perf_counter()
    sessions = iter(range(-(-len(messages) // per_session)))

    async def lane() -> None:
        for _ in sessions:
            await _session(address, work, tally, per_session, tls)

    await asyncio.gather(*(lane() for _ in range(connections)))
    tally.seconds = time.perf_counter() - begun
    return tally
