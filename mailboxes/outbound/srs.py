"""The sender rewriting scheme (SRS): a forward leaves under a domain of ours, and its bounce finds home.

``SRS0=hash=day=domain=local@ours`` holds the original sender; ``SRS1=hash=domain=…@ours`` holds the address of an
earlier forwarder who did the same. What is no plain ASCII address, or leaves no room within 64 octets, is named by
the message's trace: ``SRS0=hash=day=trace@ours``. The hash is HMAC-SHA256 over the content and our domain in lower
case, for letters may change on the way; an SRS0 address ends after ``DAYS``, an SRS1 with the SRS0 within.
"""

import hmac
import re
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

from mailboxes.addresses import LOCAL_OCTETS, envelope_domain, split_address

DAYS = 21
_HASH_LETTERS = 6  # 30 bits, one guess a recipient in a dialogue
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_CYCLE = len(_ALPHABET) ** 2
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_SRS0 = re.compile(r"SRS0([-+=].+)", re.IGNORECASE)
_SRS1 = re.compile(r"SRS1[-+=]([^=]+)=([^=]+)=([-+=].+)", re.IGNORECASE)


class NotOurs(ValueError):
    """The address was not made here, or too long ago; ``str()`` says which."""


@dataclass(frozen=True, slots=True)
class Original:
    """Where a bounce goes: an address, or the trace of the message whose sender it is."""

    address: str = ""
    trace_id: str = ""


def is_srs(local_part: str) -> bool:
    """True for what only a rewritten address looks like."""
    return local_part[:4].upper() in ("SRS0", "SRS1") and local_part[4:5] in ("=", "+", "-")


def rewrite(key: bytes, mail_from: str, domain: str, day: int, trace_id: str) -> str:
    """Return the reverse path under ``domain`` (ours, A-labels) for a sender elsewhere.

    ``day`` counts from the epoch; ``trace_id`` names the message.
    """
    local_part = _embedded(key, mail_from, domain, day)
    if len(local_part) > LOCAL_OCTETS or not _PLAIN.fullmatch(local_part):
        local_part = _dated(key, domain, day, trace_id)
    return f"{local_part}@{domain}"


def _embedded(key: bytes, mail_from: str, domain: str, day: int) -> str:
    local_part, _ = split_address(mail_from)
    sender_domain = envelope_domain(mail_from)
    chained = _SRS1.fullmatch(local_part)
    if chained and envelope_domain(f"@{chained[2]}"):
        return _chained(key, domain, chained[2], chained[3])
    first = _SRS0.fullmatch(local_part)
    if first:
        return _chained(key, domain, sender_domain, first[1])
    return _dated(key, domain, day, f"{sender_domain}={local_part}") if sender_domain else ""


def _dated(key: bytes, domain: str, day: int, content: str) -> str:
    days = _ALPHABET[day % _CYCLE // len(_ALPHABET)] + _ALPHABET[day % len(_ALPHABET)]
    return f"SRS0={_hash(key, '0', domain, days, content)}={days}={content}"


def _chained(key: bytes, domain: str, first: str, rest: str) -> str:
    return f"SRS1={_hash(key, '1', domain, first, rest)}={first}={rest}"


def _hash(key: bytes, *words: str) -> str:
    digest = hmac.digest(key, "\0".join(words).lower().encode(), sha256)
    return b32encode(digest).decode().lower()[:_HASH_LETTERS]


def original_sender(key: bytes, local_part: str, domain: str, day: int) -> Original:
    """Return where mail to an address of ours that ``is_srs`` goes; raises NotOurs."""
    chained = _SRS1.fullmatch(local_part)
    if chained:
        _check(chained[1], _hash(key, "1", domain, chained[2], chained[3]))
        return Original(f"SRS0{chained[3]}@{chained[2]}")
    words = local_part[5:].split("=", 2)
    if len(words) != 3 or not _SRS0.fullmatch(local_part):
        raise NotOurs("It is no rewritten address of ours.")
    given, days, content = words
    _check(given, _hash(key, "0", domain, days, content))
    first, second = (_ALPHABET.index(letter) for letter in days.lower())
    if (day - first * len(_ALPHABET) - second) % _CYCLE > DAYS:
        raise NotOurs(f"It was made more than {DAYS} days ago.")
    sender_domain, _, sender = content.partition("=")
    return Original(f"{sender}@{sender_domain}") if sender else Original(trace_id=content.lower())


def _check(given: str, expected: str) -> None:
    if not hmac.compare_digest(given.lower().encode(), expected.encode()):
        raise NotOurs("Its check value is not one that was made here.")
