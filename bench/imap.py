"""The IMAP service beside Debian's Dovecot (Maildir, its defaults): the same messages and commands in the same run.

    python -m bench.imap [--messages 10000] [--rounds 5] [--idle 300] [--workers 2]

Both are filled by APPEND, half of the messages over one connection and half over ten, every append durable; that is
the first figure. Then, warm and over TLS on both sides, the time of each command in milliseconds, the median of the
rounds, with the ratio mailadmin / Dovecot, where less is better. ``--idle``: the memory of so many sessions in IDLE,
each with the folder open: the growth of the proportional set size (PSS) of all processes of a side, per session.
Needs root and the package dovecot-imapd.
"""

import argparse
import asyncio
import shutil
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.dovecot import dovecot
from tests.e2e.installation import Installation
from tests.ports import free_port

USER, PASSWORD = "alice@acme.example", "tall-giraffes-1-read"
TEXT = b"All work and no play makes a dull line of text.\r\n" * 52
FIELDS = b"BODY.PEEK[HEADER.FIELDS (DATE SUBJECT FROM TO CC MESSAGE-ID REFERENCES CONTENT-TYPE)]"
LISTED = b"ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE"
WORK = {
    "FETCH FLAGS": b"FETCH 1:* (FLAGS)",
    "FETCH UID FLAGS": b"UID FETCH 1:* (UID FLAGS)",
    "FETCH " + LISTED.decode(): b"FETCH 1:* (" + LISTED + b")",
    "FETCH BODY.PEEK[HEADER.FIELDS (…)]": b"FETCH 1:* (" + FIELDS + b")",
    "FETCH BODY.PEEK[]": b"FETCH 1:* (BODY.PEEK[])",
    "SEARCH TEXT": b'SEARCH TEXT "number 4711"',
    "SEARCH UNSEEN": b"SEARCH UNSEEN",
    "SELECT": b"SELECT INBOX",
    "STORE one flag": b"STORE 17 FLAGS (\\Seen)",
    "NOOP": b"NOOP",
}


@dataclass(frozen=True)
class Side:
    """One server: its name, where it listens, and how the processes whose memory counts are found."""

    name: str
    port: int
    pids: Callable[[], list[int]]


class Client:
    """One session over TLS that reads answers and forgets them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, side: Side) -> "Client":
        """Connect, sign in and open INBOX."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", side.port, ssl=context, limit=2**26)
        await reader.readline()
        client = cls(reader, writer)
        await client.say(b'LOGIN %b "%b"' % (USER.encode(), PASSWORD.encode()))
        await client.say(b"SELECT INBOX")
        return client

    async def say(self, command: bytes) -> int:
        """Send a command and read to its OK; returns how many octets came."""
        self._writer.write(b"x " + command + b"\r\n")
        return await self._answer()

    async def append(self, message: bytes) -> None:
        """APPEND a message with a non-synchronizing literal."""
        self._writer.write(b"x APPEND INBOX {%d+}\r\n%b\r\n" % (len(message), message))
        await self._answer()

    async def idle(self) -> None:
        """Begin IDLE."""
        self._writer.write(b"x IDLE\r\n")
        await self._reader.readline()

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    async def _answer(self) -> int:
        """Read until a line that begins with the tag; the texts fetched here hold none."""
        read, tail = 0, b"\r\n"
        while True:
            chunk = await self._reader.read(2**18)
            if not chunk:
                raise ConnectionError("the server closed the connection")
            read += len(chunk)
            tail = tail[-200:] + chunk
            at = tail.rfind(b"\r\nx ")
            if at >= 0 and tail.endswith(b"\r\n"):
                assert tail[at:].startswith(b"\r\nx OK"), tail[at:]
                return read


def message(number: int) -> bytes:
    """Return a message of about 3 kB."""
    head = (
        f"From: Bob Example <bob{number % 50}@far.example>\r\nTo: Alice <{USER}>\r\nCc: Carol <carol@far.example>\r\n"
        f"Subject: Message number {number} of many\r\nDate: Tue, 24 Nov 2026 12:00:{number % 60:02d} +0000\r\n"
        f"Message-ID: <{number}@far.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return head.encode() + f"This is the number {number}.\r\n".encode() + TEXT


async def fill(side: Side, numbers: Sequence[int], connections: int) -> float:
    """Append these messages over so many connections; returns how many a second."""
    clients = [await Client.open(side) for _ in range(connections)]

    async def work(client: Client, own: Sequence[int]) -> None:
        for number in own:
            await client.append(message(number))

    begun = time.perf_counter()
    await asyncio.gather(*(work(one, numbers[place::connections]) for place, one in enumerate(clients)))
    seconds = time.perf_counter() - begun
    for client in clients:
        client.close()
    return len(numbers) / seconds


async def timed(side: Side, rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each command in one warm session."""
    client, found = await Client.open(side), dict[str, float]()
    for name, command in WORK.items():
        seconds = []
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            await client.say(command)
            seconds.append(time.perf_counter() - begun)
        found[name] = 1000 * statistics.median(seconds[1:])
    client.close()
    return found


def memory(pids: Sequence[int]) -> float:
    """Return the proportional set size of the processes in kB."""
    total = 0
    for pid in pids:
        path = Path(f"/proc/{pid}/smaps_rollup")
        if path.exists():
            total += next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith("Pss:"))
    return total


async def idling(side: Side, count: int) -> float:
    """Return the kB that each of so many idle sessions takes."""
    before = memory(side.pids())
    clients = [await Client.open(side) for _ in range(count)]
    for client in clients:
        await client.idle()
    await asyncio.sleep(2)
    grown = memory(side.pids()) - before
    for client in clients:
        client.close()
    return grown / count


def _below(name: str) -> list[int]:
    """Return the pids of the processes of this name."""
    found = subprocess.run(["/usr/bin/pgrep", "-f", name], check=False, capture_output=True, text=True).stdout
    return [int(text) for text in found.split()]


def compare(sides: Sequence[Side], chosen: argparse.Namespace) -> None:
    """Fill both and print the table."""
    half = chosen.messages // 2
    rows: dict[str, list[float]] = {}
    for side in sides:
        first, second = range(half), range(half, chosen.messages)
        rows.setdefault("APPEND over 1 connection, a second", []).append(uvloop.run(fill(side, first, 1)))
        rows.setdefault("APPEND over 10 connections, a second", []).append(uvloop.run(fill(side, second, 10)))
    for side in sides:
        for name, milliseconds in uvloop.run(timed(side, chosen.rounds)).items():
            rows.setdefault(f"{name}, ms", []).append(milliseconds)
    if chosen.idle:
        for side in sides:
            rows.setdefault("idle session, kB", []).append(uvloop.run(idling(side, chosen.idle)))
    print(f"{chosen.messages} messages; mailadmin, Dovecot, ratio")
    for name, (ours, theirs) in rows.items():
        print(f"{name}: {ours:.1f}, {theirs:.1f}, {ours / theirs:.2f}")


def main() -> None:
    """Start both, compare, end both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailadmin-bench-"))
    settings = {"MAILADMIN_WORKERS": str(chosen.workers), "MAILADMIN_UNLIMITED_NETWORKS": "127.0.0.1/32"}
    house = Installation(folder / "ours", "127.0.0.1", "mail.acme.example", settings)
    try:
        house.start()
        house.api("POST", "/domains", {"name": "acme.example"})
        house.api("POST", "/mailboxes", {"address": USER, "password": PASSWORD})
        place = house.folder / "data" / "tls"
        with ExitStack() as stack:
            port = free_port()
            certificate = (place / "certificate.pem", place / "key.pem")
            stack.enter_context(dovecot(folder / "theirs", port, PASSWORD, certificate))
            ours = Side("mailadmin", house.ports["imaps"], lambda: list(house.processes().values()))
            compare([ours, Side("Dovecot", port, lambda: _below("dovecot"))], chosen)
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
