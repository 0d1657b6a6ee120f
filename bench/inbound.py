"""Messages a second of the whole inbound path, durable, beside Debian's Postfix delivering to Maildir, as a ratio.

    python -m bench.inbound [--messages 3000] [--rounds 3] [--workers 2] [--per-session 1]

Both sides get the same messages of 4 kB over 20 connections in turns: the product accepts, verifies SPF, DKIM
(RSA-2048) and DMARC against a DNS server on loopback, files and commits each message (fsync on); Postfix accepts,
queues and delivers to Maildir, verifying nothing. Needs root and the packages postfix and redis-server.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.postfix import postfix, wait_for_files
from bench.smtp_load import Tally, run_load
from domains.dkim.keys import generate_key, load_key
from domains.dkim.record import serialise_key_record
from domains.dkim.sign import LoadedKey, sign
from tests.dns_server import DnsServer
from tests.e2e.installation import Installation, eventually
from tests.ports import free_port

RECIPIENT = "alice@acme.example"
SENDER = "bench@load.example"
CONNECTIONS = 20
DATE = "Tue, 24 Nov 2026 12:00:00 +0000"
LINE = b"All work and no play makes a dull line of text.\r\n"


def make_messages(count: int, key: LoadedKey) -> list[tuple[str, str, bytes]]:
    """Return signed messages of about 4 kB, each with its own subject and body, ready for DATA."""
    messages = []
    for number in range(count):
        head = f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: Bench {number}\r\nDate: {DATE}\r\n"
        octets = f"{head}Message-ID: <{number}@load.example>\r\n\r\n{number}\r\n".encode() + LINE * 70
        messages.append((SENDER, RECIPIENT, sign(octets, "load.example", [key]) + octets + b".\r\n"))
    return messages


def publish_sender(dns: DnsServer) -> LoadedKey:
    """Publish SPF, DKIM and DMARC of the sending domain; returns its key."""
    dns.negative_ttl = 300
    pair = generate_key("rsa2048")
    dns.zone[("load.example", "TXT")] = ["v=spf1 ip4:127.0.0.0/8 -all"]
    dns.zone[("s1._domainkey.load.example", "TXT")] = [serialise_key_record("rsa2048", pair.public_key)]
    dns.zone[("_dmarc.load.example", "TXT")] = ["v=DMARC1; p=reject"]
    return LoadedKey("s1", "rsa2048", load_key(pair.private_der))


@contextmanager
def product(folder: Path, dns: DnsServer, workers: int) -> Iterator[Installation]:
    """The product with embedded PostgreSQL and Redis, as ``make up`` runs it."""
    settings = {"MAILADMIN_RESOLVER": f"127.0.0.1:{dns.port}", "MAILADMIN_WORKERS": str(workers)}
    made = Installation(folder, "127.0.0.1", "mail.acme.example", settings)
    try:
        made.start()
        made.api("POST", "/domains", {"name": "acme.example"})
        made.api("POST", "/mailboxes", {"address": RECIPIENT, "password": "tall giraffes 1 read"})
        yield made
    finally:
        made.stop()


def _ours(house: Installation, messages: Sequence[tuple[str, str, bytes]], per_session: int) -> Tally:
    tally = asyncio.run(run_load((house.address, house.ports["mx"]), messages, CONNECTIONS, per_session))
    assert tally.refused == 0, tally.replies[:3]
    return tally


def _theirs(port: int, maildir: Path, messages: Sequence[tuple[str, str, bytes]], per_session: int) -> Tally:
    before = sum(1 for _ in (maildir / "new").iterdir())
    begin = time.perf_counter()
    tally = asyncio.run(run_load(("127.0.0.1", port), messages, CONNECTIONS, per_session))
    wait_for_files(maildir, before + tally.accepted, 120)
    tally.seconds = time.perf_counter() - begin
    assert tally.refused == 0, tally.replies[:3]
    return tally


def main() -> None:
    """Run the rounds in turns and print each side's rate and the ratio of the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--per-session", type=int, default=1)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailadmin-bench-"))
    folder.chmod(0o755)
    rates: dict[str, list[float]] = {"mailadmin": [], "postfix": []}
    try:
        with DnsServer() as dns, product(folder / "ours", dns, chosen.workers) as house:
            messages = make_messages(chosen.messages, publish_sender(dns))
            (folder / "peer").mkdir()
            port = free_port()
            with postfix(folder / "peer", port, "acme.example") as maildir:
                eventually(lambda: asyncio.run(run_load(("127.0.0.1", port), messages[:1], 1)).accepted)
                _ours(house, messages[:100], chosen.per_session)
                for _ in range(chosen.rounds):
                    tally = _ours(house, messages, chosen.per_session)
                    rates["mailadmin"].append(tally.accepted / tally.seconds)
                    tally = _theirs(port, maildir, messages, chosen.per_session)
                    rates["postfix"].append(tally.accepted / tally.seconds)
            stored = house.api("GET", f"/mailboxes/{RECIPIENT}")["messages"]
            assert stored == 100 + chosen.rounds * chosen.messages, stored
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, found in rates.items():
        print(f"{name}: {', '.join(f'{rate:.0f}' for rate in found)} messages/s")
    ratio = statistics.median(rates["mailadmin"]) / statistics.median(rates["postfix"])
    print(f"ratio mailadmin / postfix: {ratio:.2f} ({chosen.per_session} messages a session)")


if __name__ == "__main__":
    main()
