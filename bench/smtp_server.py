"""The SMTP server's own share: CPU a message of 4 kB with a handler that only reads it.

    python bench/smtp_server.py [messages] [messages-a-connection]

Server and load run in two processes; printed are wall time, messages a second and the server's CPU a message.
"""

import asyncio
import multiprocessing
import os
import resource
import sys
import time
from typing import Any

import uvloop

from mailboxes.connection import Peer
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.server import SmtpService

BODY = b"Subject: bench\r\nFrom: a@example.org\r\n\r\n" + b"All work and no play makes a dull line of text.\r\n" * 82


class Sink:
    """Accepts everything."""

    async def data(self, session: Any, transaction: Any, content: Any) -> Reply:
        content.octets()
        return Reply(250, "2.0.0", "queued as BENCH")

    def __getattr__(self, name: str) -> Any:
        async def accept(*arguments: Any) -> None:
            return None

        return accept


def serve(pipe: Any, profile: str) -> None:
    """Serve until told to stop, then tell the CPU seconds used."""

    async def run() -> None:
        service = SmtpService("mx", "bench.example", Sink())
        loop = asyncio.get_running_loop()

        def factory() -> Any:
            return service.connection(Peer("127.0.0.1", 1, "127.0.0.1", 25))

        server = await loop.create_server(factory, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send(usage.ru_utime + usage.ru_stime)

    if profile:
        import cProfile

        cProfile.runctx("uvloop.run(run())", globals(), {"run": run}, profile)
    else:
        uvloop.run(run())


async def send(port: int, messages: int, per_connection: int) -> None:
    """Send the messages over 20 connections at a time, pipelined."""
    left = messages

    async def one() -> None:
        nonlocal left
        while left > 0:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.readuntil(b"\r\n")
            writer.write(b"EHLO bench.example\r\n")
            while not (await reader.readuntil(b"\r\n")).startswith(b"250 "):
                pass
            for _ in range(per_connection):
                left -= 1
                writer.write(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
                for _ in range(3):
                    await reader.readuntil(b"\r\n")
                writer.write(BODY + b".\r\n")
                assert (await reader.readuntil(b"\r\n")).startswith(b"250")
            writer.write(b"QUIT\r\n")
            await reader.readuntil(b"\r\n")
            writer.close()

    await asyncio.gather(*(one() for _ in range(20)))


def main() -> None:
    """Run one measurement."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    per_connection = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs, os.environ.get("PROFILE", "")))
    process.start()
    port = ours.recv()
    begin = time.monotonic()
    uvloop.run(send(port, messages, per_connection))
    wall = time.monotonic() - begin
    ours.send("stop")
    cpu = ours.recv()
    process.join()
    print(
        f"{messages} messages, {per_connection} a connection: {wall:.2f} s, {messages / wall:.0f}/s, "
        f"server CPU {cpu / messages * 1000:.3f} ms a message"
    )


if __name__ == "__main__":
    main()
