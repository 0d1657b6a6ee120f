"""The way of a message as a line of stations: who handed it to whom, when, how, and who could read it.

What we saw ourselves – the client that called us, the server that we called – is kept apart from what others claim:
a Received line is written by the server that it names, if at all, and all of them below ours may be invented.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from antispam.story.stages import Stage, as_text
from domains.views.words import CARE, GOOD, PLAIN, WRONG, Sign
from domains.visible import visible
from mailboxes.mime.received import KEPT_LINES, ReceivedLine, parse_received

SLOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Leg:
    """One hand-over. ``encrypted`` is None where nobody says; ``ours`` is what this installation saw itself.

    ``peer`` says in words whether the other side was who it says.
    """

    sender: str
    receiver: str
    at: datetime | None
    encrypted: bool | None
    how: str
    peer: str
    ours: bool
    address: str = ""
    pause: str = ""

    @property
    def sign(self) -> Sign:
        """How the leg looks."""
        if self.encrypted is None:
            return PLAIN
        if not self.encrypted:
            return WRONG if self.ours else CARE
        return GOOD

    @property
    def word(self) -> str:
        """Whether it was encrypted, in words."""
        if self.encrypted is None:
            return _("not said")
        return _("encrypted") if self.encrypted else _("in the clear")


@dataclass(frozen=True, slots=True)
class Journey:
    """The legs in the order of time, the servers that held the message, and what follows for its readers."""

    legs: tuple[Leg, ...]
    servers: tuple[str, ...]
    readers: str
    wire: str
    claimed: bool
    cut: bool = False


def journey_of(stages: Sequence[Stage], hostname: str) -> Journey | None:
    """Return the way of the message as far as it is known; None when nothing is."""
    received = [text for stage in stages if stage.name == "data" for text in stage.texts("received")]
    legs = _claimed_legs([parse_received(text) for text in reversed(received)])
    legs += [leg for stage in stages if (leg := _own_leg(stage, hostname, stages)) is not None]
    if not legs:
        return None
    paused = [_with_pause(leg, legs[number - 1] if number else None) for number, leg in enumerate(legs)]
    servers = _servers(paused, hostname)
    claimed = any(not leg.ours for leg in paused)
    cut = len(received) >= KEPT_LINES
    return Journey(tuple(paused), tuple(servers), _readers(servers), _wire(paused), claimed, cut)


def _claimed_legs(lines: Sequence[ReceivedLine]) -> list[Leg]:
    """Return the legs that Received lines tell, the oldest first."""
    return [
        Leg(
            sender=visible(line.reverse_name or line.from_name, 120) or visible(line.from_address),
            receiver=visible(line.by, 120) or _("a server without a name"),
            at=line.at,
            encrypted=line.encrypted,
            how=visible(" · ".join(part for part in (line.tls, line.cipher) if part) or line.protocol, 120),
            peer=_("client certificate checked, it says") if line.client_verified else "",
            ours=False,
            address=line.from_address,
        )
        for line in lines
    ]


def _own_leg(stage: Stage, hostname: str, stages: Sequence[Stage]) -> Leg | None:
    """Return the leg of a stage in which we were one of the two sides."""
    if stage.name in ("connect", "auth"):
        return _taken(stage, hostname, stages)
    if stage.name == "relay" and stage.outcome == "sent" and stage.text("remote"):
        return _given(stage, hostname)
    return None


def _taken(stage: Stage, hostname: str, stages: Sequence[Stage]) -> Leg:
    """The client that called us: its address is certain, its name only as far as the DNS proves it."""
    iprev = next((one for one in stages if one.name == "iprev"), None)
    helo = next((one.text("name") for one in stages if one.name == "helo"), "")
    proven = iprev is not None and iprev.outcome == "pass"
    name = (iprev.text("name") if iprev is not None and proven else "") or helo or stage.text("username")
    tls = stage.part("tls")
    peer = _("name proven by the DNS") if proven else _("known by its address only")
    if stage.name == "auth":
        peer = _("signed in with a password")
    return Leg(
        sender=name or stage.text("address"),
        receiver=hostname,
        at=stage.at,
        encrypted=bool(tls),
        how=tls_words(tls),
        peer=peer,
        ours=True,
        address=stage.text("address"),
    )


def _given(stage: Stage, hostname: str) -> Leg:
    """The server that we called."""
    tls = stage.part("tls")
    verified = as_text(tls.get("peer")) not in ("", "unverified")
    peer = _("certificate checked") if verified else _("certificate not checked: anybody could have answered")
    return Leg(
        sender=hostname,
        receiver=stage.text("remote") or stage.text("next_hop"),
        at=stage.at,
        encrypted=bool(tls),
        how=tls_words(tls),
        peer=peer if tls else "",
        ours=True,
    )


def tls_words(tls: dict[str, object]) -> str:
    """Return version and cipher as one text."""
    version = as_text(tls.get("version")).replace("TLSv", "TLS ")
    return " · ".join(part for part in (version, as_text(tls.get("cipher"))) if part)


def _with_pause(leg: Leg, before: Leg | None) -> Leg:
    """Note how long a message lay at a station, when it was long, or when the clocks disagree."""
    if before is None or leg.at is None or before.at is None:
        return leg
    gap = leg.at - before.at
    pause = ""
    if gap >= SLOW:
        pause = _("after %(time)s") % {"time": timesince(before.at, leg.at, depth=1)}
    elif gap < -SLOW:
        pause = _("earlier than the station before: one of the clocks, or of the lines, is wrong")
    return replace(leg, pause=pause)


def _servers(legs: Sequence[Leg], hostname: str) -> list[str]:
    """Return the names of all who held the message, once each, in order; whoever wrote it is the first."""
    names: list[str] = []
    for leg in legs:
        names += [leg.sender, leg.receiver]
    known = dict.fromkeys(name.rstrip(".") for name in names if name)
    return [*known] or [hostname]


def _readers(servers: Sequence[str]) -> str:
    if len(servers) < 3:
        return _("Both ends could read it: encryption between servers protects the wire, never from a server.")
    return _(
        "Each of these %(count)s could read it: encryption between servers protects the wire, not from them."
    ) % {"count": len(servers)}


def _wire(legs: Sequence[Leg]) -> str:
    """Return who else could read it on the way."""
    clear = [f"{leg.sender} → {leg.receiver}" for leg in legs if leg.encrypted is False and leg.sender]
    unsaid = [leg for leg in legs if leg.encrypted is None]
    if clear:
        return _("Anybody on the wire could read it here: %(places)s.") % {"places": ", ".join(clear)}
    if unsaid:
        count = len(unsaid)
        return ngettext(
            "Of %(count)s step nobody says whether it was encrypted.",
            "Of %(count)s steps nobody says whether they were encrypted.",
            count,
        ) % {"count": count}
    if all(leg.ours for leg in legs):
        return _("On the wire nobody could read it.")
    return _("On the wire nobody could read it, if the stations tell the truth.")
