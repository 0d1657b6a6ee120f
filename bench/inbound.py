"""Messages a second of the whole inbound path, durable, beside Debian's Postfix with and without rspamd, as a ratio.

    python -m bench.inbound [--messages 3000] [--rounds 3] [--workers 2] [--per-session 1] [--tls]
                            [--rspamd verify|stock|none]

All get the same messages of 4 kB over 20 connections in turns. The product accepts, verifies SPF, DKIM (RSA-2048),
DMARC and ARC against a DNS server on loopback, judges, writes the trace, files and commits each message (fsync on).
Postfix accepts, queues and delivers to Maildir, verifying nothing; with rspamd as its milter it verifies the same
(``bench.rspamd`` says how that is set up). ``--tls``: every connection says STARTTLS, with the same key on all sides.
Needs root and the packages postfix, rspamd and redis-server.
"""

import argparse
import shutil
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.postfix import postfix, wait_for_files
from bench.rspamd import rspamd
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
    settings["MAILADMIN_UNLIMITED_NETWORKS"] = "127.0.0.1/32"  # the bench itself
    made = Installation(folder, "127.0.0.1", "mail.acme.example", settings)
    try:
        made.start()
        made.api("POST", "/domains", {"name": "acme.example"})
        made.api("POST", "/mailboxes", {"address": RECIPIENT, "password": "tall giraffes 1 read"})
        yield made
    finally:
        made.stop()


@dataclass(frozen=True)
class Load:
    """What is sent to each side: the messages, how many a session, and TLS or not."""

    messages: Sequence[tuple[str, str, bytes]]
    per_session: int
    tls: ssl.SSLContext | None

    def to(self, address: tuple[str, int], count: int | None = None) -> Tally:
        """Send them, or the first ``count``; none may be refused."""
        chosen = self.messages[:count]
        tally = uvloop.run(run_load(address, chosen, CONNECTIONS, self.per_session, self.tls))
        assert tally.refused == 0, tally.replies[:3]
        return tally


def _anybody() -> ssl.SSLContext:
    """A client that takes any certificate, as servers do on port 25."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _ours(house: Installation, load: Load) -> float:
    """Return the product's messages a second."""
    tally = load.to((house.address, house.ports["mx"]))
    return tally.accepted / tally.seconds


def _theirs(port: int, maildir: Path, load: Load) -> float:
    """Return a Postfix's messages a second, until the last lies in the Maildir."""
    before = sum(1 for _ in (maildir / "new").iterdir())
    begin = time.perf_counter()
    tally = load.to(("127.0.0.1", port))
    wait_for_files(maildir, before + tally.accepted, 120)
    return tally.accepted / (time.perf_counter() - begin)


@contextmanager
def _peers(
    folder: Path, dns: DnsServer, profile: str, certificate: tuple[Path, Path] | None
) -> Iterator[dict[str, tuple[int, Path]]]:
    """Run Postfix, and a second one with rspamd unless the profile is ``none``; port and Maildir of each by name."""
    with ExitStack() as stack:
        (folder / "postfix").mkdir()
        port = free_port()
        maildir = stack.enter_context(postfix(folder / "postfix", port, "acme.example", certificate=certificate))
        peers = {"postfix": (port, maildir)}
        if profile != "none":
            (folder / "rspamd").mkdir()
            (folder / "milter").mkdir()
            milter, port = free_port(), free_port()
            stack.enter_context(rspamd(folder / "rspamd", milter, dns.port, profile))
            filtered = postfix(folder / "milter", port, "acme.example", milter, certificate)
            peers["postfix+rspamd"] = (port, stack.enter_context(filtered))
        yield peers


def main() -> None:
    """Run the rounds in turns and print each side's rate and the ratio of the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--per-session", type=int, default=1)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--rspamd", choices=("verify", "stock", "none"), default="verify")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailadmin-bench-"))
    folder.chmod(0o755)
    try:
        rates = _measure(folder, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ours = statistics.median(rates["mailadmin"])
    for name, found in rates.items():
        ratio = f", ratio mailadmin / {name}: {ours / statistics.median(found):.2f}" if name != "mailadmin" else ""
        print(f"{name}: {', '.join(f'{rate:.0f}' for rate in found)} messages/s{ratio}")
    print(f"{chosen.per_session} messages a session, TLS {'on' if chosen.tls else 'off'}, rspamd {chosen.rspamd}")


def _measure(folder: Path, chosen: argparse.Namespace) -> dict[str, list[float]]:
    """Run the rounds and return each side's rates."""
    with DnsServer() as dns, product(folder / "ours", dns, chosen.workers) as house:
        messages = make_messages(chosen.messages, publish_sender(dns))
        load = Load(messages, chosen.per_session, _anybody() if chosen.tls else None)
        place = house.folder / "data" / "tls"
        certificate = (place / "certificate.pem", place / "key.pem") if chosen.tls else None
        (folder / "peers").mkdir()
        with _peers(folder / "peers", dns, chosen.rspamd, certificate) as peers:
            for port, _ in peers.values():
                eventually(lambda port=port: load.to(("127.0.0.1", port), 1).accepted)  # type: ignore[misc]
            load.to((house.address, house.ports["mx"]), 100)
            rates: dict[str, list[float]] = {name: [] for name in ("mailadmin", *peers)}
            for _ in range(chosen.rounds):
                rates["mailadmin"].append(_ours(house, load))
                for name, (port, maildir) in peers.items():
                    rates[name].append(_theirs(port, maildir, load))
        stored = house.api("GET", f"/mailboxes/{RECIPIENT}")["messages"]
        assert stored == 100 + chosen.rounds * chosen.messages, stored
    return rates


if __name__ == "__main__":
    main()
