"""Addresses: local part and domain, as people type them and as they stand in an envelope (RFC 5321, RFC 6531).

An ``Address`` of ours is lower case, its domain in A-labels. Addresses of others keep their local part as written,
for only their own host may interpret it.
"""

import re
from dataclasses import dataclass

from domains.names import DomainName
from mailboxes.mime.headers import parse_addresses

_ATOM = r"[A-Za-z0-9!#$&'*+=?^_`{|}~-]+"
_CREATED = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_FOREIGN_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\ud7ff\ue000-\U0010ffff-]+"
_FOREIGN = re.compile(rf"{_FOREIGN_ATOM}(?:\.{_FOREIGN_ATOM})*")
_QUOTED_PAIR = re.compile(r"\\(.)")
LOCAL_OCTETS = 64
ADDRESS_OCTETS = 254
RESERVED = frozenset({"dmarc-reports", "dmarc-failures", "tls-reports"})
ROLES = frozenset({"postmaster", "abuse"})
ALLOWED = "an address such as alice@example.org"


@dataclass(frozen=True, slots=True)
class Address:
    """``local_part`` and ``domain`` (A-labels); ``str()`` joins them."""

    local_part: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


def split_address(text: str) -> tuple[str, str]:
    """Return local part and domain, cut at the last ``@``; the domain is empty when there is none."""
    local_part, at, domain = text.rpartition("@")
    return (local_part, domain) if at else (text, "")


def plain_local_part(text: str) -> str:
    """Return a local part without quotes that it does not need: both spellings are one mailbox (RFC 5321 §4.1.2)."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    inside = _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return inside if _FOREIGN.fullmatch(inside) else text


def parse_local_address(text: str) -> Address:
    """Return an address that can be created here; ValueError says what is wrong and what is allowed."""
    local_part, domain = split_address(text.strip())
    if not domain:
        raise ValueError(f"{text!r} has no domain. Allowed is {ALLOWED}.")
    if not _CREATED.fullmatch(local_part) or len(local_part) > LOCAL_OCTETS:
        raise ValueError(
            f"The part before the @ of {text!r} is not allowed. Allowed are letters, digits, dots between them and "
            "!#$&'*+-=?^_`{|}~, at most 64 characters."
        )
    return _within_length(Address(local_part.lower(), DomainName(domain).ascii))


def parse_target(text: str) -> Address:
    """Return any address that mail can be sent to; ValueError says what is wrong and what is allowed."""
    local_part, domain = split_address(text.strip())
    if not domain or not _FOREIGN.fullmatch(local_part) or len(local_part.encode()) > LOCAL_OCTETS:
        raise ValueError(f"{text!r} is not an address. Allowed is {ALLOWED}.")
    return _within_length(Address(local_part, DomainName(domain).ascii))


def _within_length(address: Address) -> Address:
    if len(str(address).encode()) > ADDRESS_OCTETS:
        raise ValueError(f"The address is longer than {ADDRESS_OCTETS} octets.")
    return address


def envelope_domain(text: str) -> str:
    """Return the domain of an envelope address in A-labels and lower case, empty when there is none that counts."""
    domain = split_address(text)[1]
    try:
        return DomainName(domain, minimum_labels=1).ascii if domain else ""
    except ValueError:
        return ""


def normalised(text: str) -> str:
    """Return the address as ours are stored: lower case, the domain in A-labels; unchanged if it has no domain."""
    local_part, domain = split_address(text)
    return f"{local_part.lower()}@{envelope_domain(text) or domain.lower()}" if domain else text.lower()


def author_addresses(value: bytes) -> list[str]:
    """Return the addresses of a From field's value as ``local@domain``, as written, groups taken apart."""
    found = []
    for address in parse_addresses(value):
        if address.mailbox is not None and address.host is not None:
            found.append((address.mailbox + b"@" + address.host).decode("utf-8", "replace"))
    return found
