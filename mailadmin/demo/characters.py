"""Twenty domains and how mail in their names lives through a year, as data.

Addresses are of the ranges for documentation and benchmarks (RFC 5737, RFC 2544, RFC 3849), so nobody's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Flow:
    """Mail from some addresses: how it is authenticated, its messages a day, and from when to when in the year.

    ``signed`` is the selector of an aligned signature, empty without one; ``broken`` when that does not pass.
    ``envelope`` is the domain whose SPF passes, ``own`` for the domain itself, empty when SPF fails. ``first`` and
    ``last`` are shares of the span. ``reason`` is what receivers say of it.
    """

    addresses: tuple[str, ...]
    daily: float
    signed: str = ""
    broken: bool = False
    envelope: str = ""
    first: float = 0.0
    last: float = 1.0
    reason: str = ""
    signer: str = ""
    reverse: str = ""
    names: tuple[str, ...] = ()  # subdomains in From instead of the domain


@dataclass(frozen=True, slots=True)
class Character:
    """One domain: what it is, its flows, the policy of its record by (share of the span, policy), its senders."""

    name: str
    story: str
    flows: tuple[Flow, ...]
    policies: tuple[tuple[float, str], ...] = ((0.0, "none"),)
    services: tuple[str, ...] = ()
    silent_days: int = 0


def _span(network: str, count: int, first: int = 1) -> tuple[str, ...]:
    return tuple(f"{network}.{number}" for number in range(first, first + count))


def _own(daily: float, host: int, first: float = 0.0, last: float = 1.0) -> Flow:
    return Flow((f"192.0.2.{host}",), daily, "m1", envelope="own", first=first, last=last)


MAILCHIMP = _span("198.18.20", 12)
GOOGLE = _span("198.18.30", 8)
SENDGRID = _span("198.18.40", 6)
FORWARDERS = (
    Flow(_span("198.18.60", 6), 3.0, "m1", envelope="gmail.com", reverse="mail-f{n}.google.com"),
    Flow(_span("198.18.61", 4), 2.0, "m1", envelope="university.example", reverse="mx{n}.university.example"),
    Flow(_span("198.18.62", 3), 1.0, "m1", broken=True, envelope="lists.debian.org", reverse="lists.debian.org"),
)
BOTNET = tuple(f"198.19.{network}.{host}" for network in range(40) for host in range(1, 26))
CHIMP_RIGHT = Flow(MAILCHIMP, 60.0, "k2", envelope="mail{n}.mcsv.net", reverse="mail{n}.mcsv.net")
CHIMP_WRONG = Flow(MAILCHIMP, 60.0, envelope="mail{n}.mcsv.net", signer="mcsv.net", reverse="mail{n}.mcsv.net")
SPAM = Flow(BOTNET, 4.0)


def _plain(name: str, daily: float, host: int, policy: str = "none", *more: Flow) -> Character:
    return Character(name, "A small office.", (_own(daily, host), *FORWARDERS[:1], SPAM, *more), ((0.0, policy),))


CHARACTERS: Sequence[Character] = (
    Character(
        "clean.example",
        "All right for a year: reject for months, and nobody loses mail.",
        (_own(180.0, 10), CHIMP_RIGHT, *FORWARDERS, SPAM),
        ((0.0, "none"), (0.2, "quarantine"), (0.5, "reject")),
        ("mailchimp",),
    ),
    Character(
        "school.example",
        "Alumni have their mail forwarded; lists change it on the way.",
        (
            _own(250.0, 11),
            Flow(_span("198.18.61", 40), 30.0, "m1", envelope="alumni.example", reverse="mx{n}.alumni.example"),
            Flow(_span("198.18.62", 3), 12.0, "m1", broken=True, envelope="lists.debian.org", reason="mailing_list"),
            *FORWARDERS,
            SPAM,
        ),
    ),
    Character(
        "shop.example",
        "The newsletter was set up wrong until summer, then mended.",
        (
            _own(120.0, 12),
            replace(CHIMP_WRONG, last=0.6),
            replace(CHIMP_RIGHT, first=0.6),
            *FORWARDERS,
            SPAM,
        ),
        ((0.0, "none"), (0.8, "quarantine")),
        ("mailchimp",),
    ),
    Character(
        "bank.example",
        "A wave of impostors since ten days.",
        (_own(90.0, 13), *FORWARDERS, SPAM, Flow(BOTNET, 900.0, first=0.973)),
        ((0.0, "quarantine"),),
    ),
    Character(
        "rotation.example",
        "A key was replaced before its record was seen: for a week nothing was signed right.",
        (
            _own(140.0, 14, last=0.7),
            Flow(("192.0.2.14",), 140.0, "m2", broken=True, envelope="own", first=0.7, last=0.72),
            Flow(("192.0.2.14",), 140.0, "m2", envelope="own", first=0.72),
            *FORWARDERS,
            SPAM,
        ),
    ),
    Character("parked.example", "It sends nothing, and botnets use it.", (Flow(BOTNET, 60.0),), ((0.0, "reject"),)),
    Character(
        "crm.example",
        "A forgotten tool still sends invoices, unsigned, from a service nobody listed.",
        (
            _own(70.0, 16),
            Flow(SENDGRID, 8.0, envelope="em{n}.sendgrid.net", signer="sendgrid.net", reverse="o{n}.sendgrid.net"),
            SPAM,
        ),
    ),
    Character(
        "newsource.example",
        "Somebody sends since this week from a place never seen before.",
        (_own(110.0, 17), Flow(_span("203.0.113", 2, 40), 45.0, envelope="own", first=0.984), SPAM),
    ),
    Character("silent.example", "Nobody has reported for two weeks.", (_own(60.0, 18), SPAM), silent_days=14),
    Character(
        "workspace.example",
        "Google Workspace beside its own server, all of it aligned.",
        (
            _own(30.0, 19),
            Flow(GOOGLE, 200.0, "google", envelope="own", reverse="mail-sor-f{n}.google.com"),
            *FORWARDERS,
            SPAM,
        ),
        ((0.0, "none"), (0.5, "quarantine"), (0.9, "reject")),
        ("google-workspace",),
    ),
    Character(
        "subdomains.example",
        "Orders and news have names of their own below the domain.",
        (
            _own(50.0, 20),
            Flow(("192.0.2.20",), 80.0, "m1", envelope="own", names=("orders", "news")),
            Flow(BOTNET, 10.0, names=("intern", "test")),
        ),
    ),
    *(_plain(f"office{number}.example", 15.0 * number, 30 + number) for number in range(1, 10)),
)
