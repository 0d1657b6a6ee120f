"""Large messages and too many of them: time and memory by size, and what an overload leaves of a known client.

    python -m bench.pressure sizes [--megabytes 5 10 20 25] [--at-once 10] [--workers 2]
    python -m bench.pressure overload [--seconds 120] [--factor 2] [--messages 3000] [--workers 2]

``sizes`` sends three signed messages of each size, one after the other, then ``--at-once`` of them together. It
prints the time and the CPU time of the workers for one, and by how much the memory of their own (RssAnon: without
mapped files, which the kernel may drop) grew at most, looked at every 2 ms. ``overload`` measures the capacity with
20 connections, then opens connections at ``factor`` times that rate from 100 addresses, waiting for nobody. Meanwhile
a client that is known already sends a message, then waits a second. At the end at least as many messages must be
stored as were accepted; where more are, the count does not prove that none was lost. Networks on loopback are without
limits here: the load is under test, not the figures for one address. Nothing but the product is needed.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import uvloop

from bench.inbound import CONNECTIONS, RECIPIENT, SENDER, make_messages, product, publish_sender
from bench.smtp_load import Tally, run_load, send_one
from domains.dkim.sign import LoadedKey, sign
from tests.dns_server import DnsServer
from tests.e2e.installation import Installation
from tests.memory import growth_of

MEGABYTE = 1_000_000
TICKS = os.sysconf("SC_CLK_TCK")
KNOWN = "127.0.0.9"
STRANGERS = [f"127.{number}.0.1" for number in range(1, 201)]  # each of a network of its own
PATIENCE = 60.0
LINE = b"All work and no play makes a dull line of text, again and again.....\r\n"


def _workers(house: Installation) -> list[int]:
    """Return the pids of the mail workers."""
    return [pid for name, pid in house.processes().items() if name.startswith("mail")]


def _cpu(pids: list[int]) -> float:
    """Return the CPU seconds that these processes used."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(row[11]) + int(row[12]) for row in fields) / TICKS


def _large(size: int, key: LoadedKey) -> bytes:
    """Return one signed message of about ``size`` octets, ready for DATA."""
    head = f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: {size} octets\r\n\r\n".encode()
    octets = head + LINE * ((size - 2000) // len(LINE))
    return sign(octets, "load.example", [key]) + octets + b".\r\n"


def sizes(house: Installation, key: LoadedKey, chosen: argparse.Namespace) -> None:
    """Print time, CPU and growth of memory for each size."""
    pids, target = _workers(house), (house.address, house.ports["mx"])
    for megabytes in chosen.megabytes:
        body = _large(int(megabytes * MEGABYTE), key)
        before, seconds = _cpu(pids), []
        with growth_of(pids) as grown:
            for _ in range(3):
                tally = uvloop.run(run_load(target, [(SENDER, RECIPIENT, body)], 1))
                assert tally.accepted == 1, tally.replies
                seconds.append(tally.seconds)
        spent = (_cpu(pids) - before) / 3
        with growth_of(pids) as together:
            tally = uvloop.run(run_load(target, [(SENDER, RECIPIENT, body)] * chosen.at_once, chosen.at_once))
            assert tally.accepted == chosen.at_once, tally.replies
        print(
            f"{megabytes:g} MB: {statistics.median(seconds):.2f} s, {spent:.2f} s of CPU, grew {_shown(grown)} MB;"
            f" {chosen.at_once} at once: {tally.seconds:.2f} s, grew {_shown(together)} MB",
            flush=True,
        )


def _shown(octets: list[int]) -> str:
    return ", ".join(f"{figure / MEGABYTE:.1f}" for figure in octets)


async def _one(target: tuple[str, int], source: str, body: bytes, tally: Tally) -> None:
    """Send one message from ``source``; whatever happens ends in the tally."""
    try:
        async with asyncio.timeout(PATIENCE):
            await send_one(target, source, (SENDER, RECIPIENT, body), tally)
    except (OSError, TimeoutError) as fault:
        tally.refused += 1
        tally.replies.append(type(fault).__name__)


async def _known(target: tuple[str, int], body: bytes, end: float) -> tuple[Tally, list[float]]:
    """Send one message a second until ``end``; returns the seconds of each that was accepted, from SYN to 221."""
    tally, waits = Tally(), list[float]()
    while (begun := time.perf_counter()) < end:
        before = tally.accepted
        await _one(target, KNOWN, body, tally)
        if tally.accepted > before:
            waits.append(time.perf_counter() - begun)
        await asyncio.sleep(1)
    return tally, waits


async def _flood(
    target: tuple[str, int], bodies: list[bytes], rate: float, seconds: float
) -> tuple[Tally, int, Tally, list[float]]:
    """Open ``rate`` connections a second whatever becomes of them; their tally and number, and the known client's."""
    tally, running, opened = Tally(), set[asyncio.Task[None]](), 0
    begun = time.perf_counter()
    regular = asyncio.create_task(_known(target, bodies[0], begun + seconds))
    sources, work = cycle(STRANGERS), cycle(bodies)
    while (now := time.perf_counter() - begun) < seconds:
        for _ in range(int(now * rate) - opened):
            task = asyncio.create_task(_one(target, next(sources), next(work), tally))
            running.add(task)
            task.add_done_callback(running.discard)
            opened += 1
        await asyncio.sleep(0.01)
    await asyncio.gather(regular, *running)
    return tally, opened, *regular.result()


def overload(house: Installation, key: LoadedKey, chosen: argparse.Namespace) -> None:
    """Measure the capacity, go beyond it, and count what is stored."""
    messages, target = make_messages(chosen.messages, key), (house.address, house.ports["mx"])
    calm = uvloop.run(run_load(target, messages, CONNECTIONS))
    assert calm.refused == 0, calm.replies[:3]
    first = Tally()
    uvloop.run(_one(target, KNOWN, messages[0][2], first))
    rate = chosen.factor * calm.accepted / calm.seconds
    bodies = [body for _, _, body in messages]
    flood, opened, known, waits = uvloop.run(_flood(target, bodies, rate, chosen.seconds))
    accepted = calm.accepted + first.accepted + flood.accepted + known.accepted
    stored = house.api("GET", f"/mailboxes/{RECIPIENT}")["messages"]
    replies = Counter(flood.replies).most_common(2)
    print(f"capacity {calm.accepted / calm.seconds:.0f} a second, then {rate:.0f} for {chosen.seconds:g} s")
    print(f"strangers: {opened} opened, {flood.accepted} accepted, {flood.refused} not; {replies}")
    print(f"known client: {known.accepted} accepted, {known.refused} not", known.replies[:2])
    if waits:
        print(f"known client waited {statistics.median(waits):.2f} s in the middle, {max(waits):.2f} s at most")
    print(f"accepted {accepted}, stored {stored}")
    assert stored >= accepted, "fewer messages are stored than were accepted"


def main() -> None:
    """Run what was chosen in an installation of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("sizes", "overload"))
    parser.add_argument("--megabytes", type=float, nargs="+", default=[5, 10, 20, 25])
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--factor", type=float, default=2)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailadmin-bench-"))
    try:
        with DnsServer() as dns, product(folder, dns, chosen.workers) as house:
            {"sizes": sizes, "overload": overload}[chosen.what](house, publish_sender(dns), chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
