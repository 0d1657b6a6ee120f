"""A remote SMTP server that plays a script over a real socket: every fault a relay meets outside."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Script:
    """What the remote answers; a reply ``None`` means: drop the connection at this point."""

    banner: str | None = "220 remote.example ESMTP"
    ehlo: str | None = "250-remote.example\r\n250-SIZE 1000000\r\n250 8BITMIME"
    helo: str | None = "250 remote.example"
    mail: str | None = "250 2.1.0 ok"
    rcpt: dict[str, str | None] = field(default_factory=dict)
    data: str | None = "354 go on"
    dot: str | None = "250 2.0.0 queued as R1"
    tls: ssl.SSLContext | None = None
    starttls_reply: str = "220 go"
    heard: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0


class _Drop(Exception):
    """Close the connection without a word."""


async def _say(writer: asyncio.StreamWriter, reply: str | None) -> None:
    if reply is None:
        raise _Drop
    writer.write(reply.encode() + b"\r\n")
    await writer.drain()


async def _serve(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _say(writer, script.banner)
    while line := (await reader.readline()).decode().strip():
        script.heard.append(line)
        verb = line.partition(" ")[0].upper()
        if verb == "QUIT":
            return await _say(writer, "221 bye")
        if verb == "STARTTLS":
            await _say(writer, script.starttls_reply)
            assert script.tls is not None
            await writer.start_tls(script.tls)
        elif verb == "RCPT":
            await _say(writer, script.rcpt.get(line.partition("<")[2].partition(">")[0], "250 2.1.5 ok"))
        elif verb == "DATA":
            await _say(writer, script.data)
            if (script.data or "").startswith("354"):
                script.messages.append(await _body(reader))
                await _say(writer, script.dot)
        else:
            await _say(writer, {"EHLO": script.ehlo, "HELO": script.helo, "MAIL": script.mail}.get(verb, "500 what"))
    return None


async def _body(reader: asyncio.StreamReader) -> bytes:
    lines = []
    while (line := await reader.readline()) != b".\r\n":
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


@asynccontextmanager
async def scripted_remote(script: Script, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Run the remote; the value is its port."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script.connections += 1
        try:
            await _serve(script, reader, writer)
        except (_Drop, OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(client, address, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
