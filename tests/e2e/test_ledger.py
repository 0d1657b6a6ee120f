"""Nothing accepted is lost: a sender outside writes down every 250 while processes die, then each is looked for.

Small here; ``make soak`` sends 2,000 messages through 100 deaths. Processes die by ``kill -9`` at random and at the
named fail points. A message with a 250 is found exactly once; one without may be there, never twice.
"""

import imaplib
import itertools
import os
import random
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.dns_server import DnsServer
from tests.e2e.conftest import ALICE
from tests.e2e.installation import Installation, eventually
from tests.e2e.test_first_domain import unverified

BOB = ("bob@acme.example", "nine orange 3 doors")
FAIL_POINTS = (
    "deliver.before-commit",
    "deliver.after-commit",
    "submission.before-commit",
    "submission.after-commit",
    "relay.before-commit",
    "relay.after-commit",
    "relay.claimed",
    "relay.attempted",
    "blob.written",
    "blob.renamed",
)


@dataclass
class Ledger:
    """What the sender outside knows."""

    accepted: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, token: str, accepted: bool) -> None:
        """Write down one end."""
        with self.lock:
            self.tried.add(token)
            if accepted:
                self.accepted.add(token)


def _body(sender: str, recipient: str, token: str, size: int) -> bytes:
    head = f"From: {sender}\r\nTo: {recipient}\r\nSubject: token-{token}\r\n\r\n"
    return head.encode() + b"0123456789abcdef\r\n" * (size // 18)


def _send(house: Installation, ledger: Ledger, token: str, submitted: bool) -> None:
    """Send one message once, by the MX or by submission; every fault but a 250 is no acceptance."""
    accepted = False
    size = 100_000 if token.endswith("7") else 500  # some stand in files, not in rows
    port = house.ports["submission" if submitted else "mx"]
    sender = ALICE[0] if submitted else "carol@far.example"
    with suppress(smtplib.SMTPException, OSError), smtplib.SMTP(house.address, port, timeout=20) as client:
        if submitted:
            client.starttls(context=unverified())
            client.login(*ALICE)
        else:
            client.ehlo("client.example")
        client.mail(sender)
        if client.rcpt(BOB[0])[0] == 250:
            accepted = client.data(_body(sender, BOB[0], token, size))[0] == 250
            ledger.note(token, accepted)
    ledger.note(token, accepted)


def _sender(
    house: Installation, ledger: Ledger, numbers: "Iterator[int]", count: int, all_killed: threading.Event
) -> None:
    """Send until ``count`` messages were tried and every planned death has happened."""
    for number in numbers:
        if number >= count and all_killed.is_set():
            return
        while not _reachable(house):
            time.sleep(0.1)
        _send(house, ledger, f"{number:05d}", submitted=number % 3 == 0)


def _reachable(house: Installation) -> bool:
    with suppress(smtplib.SMTPException, OSError), smtplib.SMTP(house.address, house.ports["mx"], timeout=5):
        return True
    return False


def _found(house: Installation) -> Counter[str]:
    """Return how often each token stands in the mailbox."""
    client = imaplib.IMAP4_SSL(house.address, house.ports["imaps"], ssl_context=unverified())
    client.login(*BOB)
    tokens: Counter[str] = Counter()
    for folder in ("INBOX", "Junk"):
        count = int(client.select(folder)[1][0])
        if count:
            _status, rows = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            tokens.update(row[1].decode().partition("token-")[2].strip() for row in rows if isinstance(row, tuple))
    client.logout()
    return tokens


def _kill_at_random(house: Installation, count: int, killed: list[str], all_killed: threading.Event) -> None:
    names = ("mail0", "mail1", "postgres", "redis", "mail0", "mail1", "jobs")
    chance = random.Random(7)
    end = time.monotonic() + 60 + 3 * count
    while len(killed) < count and time.monotonic() < end:
        time.sleep(chance.uniform(0.3, 1.5))
        name = chance.choice(names)
        if house.kill(name):
            killed.append(name)
    all_killed.set()


@pytest.fixture
def mortal(tmp_path: Path, dns: DnsServer) -> Iterator[Installation]:
    """An installation of its own whose workers die now and then at the fail points."""
    settings = {
        "MAILADMIN_RESOLVER": f"127.0.0.1:{dns.port}",
        "MAILADMIN_TEST_BUILD": "1",
        "MAILADMIN_FAIL_POINTS": ",".join(f"{name}:0.01" for name in FAIL_POINTS),
    }
    made = Installation(tmp_path / "mortal", "127.0.0.3", "mail.mortal.example", settings)
    try:
        made.start()
        made.api("POST", "/domains", {"name": "acme.example"})
        for who in (ALICE, BOB):
            made.api("POST", "/mailboxes", {"address": who[0], "password": who[1]})
        yield made
    finally:
        made.stop()


def _queue_is_empty(house: Installation) -> bool:
    """True once nothing waits; what was put aside after three deaths is tried again, as an administrator would."""
    entries = house.api("GET", "/queue")["items"]
    for entry in entries:
        if entry["state"] == "dead":
            house.api("POST", f"/queue/{entry['id']}/retry")
    return not entries


def _play(house: Installation, messages: int, kills: int) -> None:
    ledger, all_killed = Ledger(), threading.Event()
    numbers, killed = itertools.count(), list[str]()
    killer = threading.Thread(target=_kill_at_random, args=(house, kills, killed, all_killed))
    arguments = (house, ledger, numbers, messages, all_killed)
    senders = [threading.Thread(target=_sender, args=arguments) for _ in range(8)]
    for thread in [killer, *senders]:
        thread.start()
    for thread in [*senders, killer]:
        thread.join()
    assert len(killed) == kills, "too few died to prove anything"
    eventually(lambda: house.health()["status"] == "ok", 60)
    eventually(lambda: _queue_is_empty(house), 180)
    found = _found(house)
    assert len(ledger.accepted) > messages * 0.5, "too little was accepted to prove anything"
    lost = sorted(token for token in ledger.accepted if found[token] == 0)
    double = sorted(token for token, count in found.items() if count > 1)
    unknown = sorted(token for token in found if token not in ledger.tried)
    assert (lost, double, unknown) == ([], [], [])
    for trace in house.api("GET", "/messages?limit=5")["items"]:
        assert house.events(trace["id"])


def test_every_250_is_found_exactly_once_through_deaths(mortal: Installation) -> None:
    _play(mortal, messages=150, kills=8)


@pytest.mark.soak
def test_two_thousand_messages_through_a_hundred_deaths(mortal: Installation) -> None:
    _play(mortal, messages=int(os.environ.get("MAILADMIN_TEST_MESSAGES", "2000")), kills=100)
