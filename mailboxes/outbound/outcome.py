"""How one attempt at one recipient ended, and how a remote reply is read (RFC 5321 section 4.2, RFC 3463).

A reply that is neither 2xx, 4xx nor 5xx is a remote's fault and counts as transient, as does silence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
REPLY_LIMIT = 500


class Outcome(StrEnum):
    """The three ends of an attempt."""

    SENT = "sent"  # the remote said 250 and is answerable now
    DEFERRED = "deferred"  # a transient failure: it will be tried again
    FAILED = "failed"  # a permanent failure: the sender is told


@dataclass(frozen=True, slots=True)
class RemoteReply:
    """A reply or its absence: ``code`` 0 when nothing was said; ``text`` is one printable line, cut."""

    code: int
    enhanced: str
    text: str

    @property
    def outcome(self) -> Outcome:
        """The end that this reply means."""
        if 200 <= self.code < 300:
            return Outcome.SENT
        return Outcome.FAILED if 500 <= self.code < 600 else Outcome.DEFERRED

    def __str__(self) -> str:
        return " ".join(word for word in (str(self.code or ""), self.enhanced, self.text) if word)


def parse_reply(code: int, message: str) -> RemoteReply:
    """Return the reply with its enhanced code taken from the text; a code that is none becomes 0."""
    line = _one_line(message)
    if not 200 <= code <= 599:
        return RemoteReply(0, "", line)
    match = _ENHANCED.match(line)
    if match is None or match[1][0] != str(code)[0]:
        return RemoteReply(code, "", line)
    return RemoteReply(code, match[1], line[match.end() :].strip())


def no_reply(enhanced: str, text: str) -> RemoteReply:
    """Return what stands for a reply when the remote said nothing: silence, a refused connection, no address."""
    return RemoteReply(0, enhanced, _one_line(text))


def _one_line(text: str) -> str:
    """Return the text as one printable line, cut; control characters become spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * REPLY_LIMIT]).split())[:REPLY_LIMIT]


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """One recipient's end of one attempt. ``remote`` is ``host[address]``; ``tls`` is empty in the clear."""

    recipient: str
    outcome: Outcome
    reply: RemoteReply
    remote: str = ""
    tls: Mapping[str, str] = field(default_factory=dict)
