"""Selectors that a domain publishes once, as aliases of names in a zone of the operator's (RFC 6376 section 3.6.2.2).

Each kind of key has two: while one signs, the next is made behind the other, so the owner of the domain never changes
a record again.
"""

from collections.abc import Container

from domains.names import MAXIMUM_OCTETS

TTL = 300
RSA_SLOTS = ("ma1", "ma2")
ED25519_SLOTS = ("me1", "me2")
ALL_SLOTS = (*RSA_SLOTS, *ED25519_SLOTS)


def slots_of(algorithm: str) -> tuple[str, str]:
    """Return the selectors of a kind of key."""
    return ED25519_SLOTS if algorithm == "ed25519" else RSA_SLOTS


def target_of(selector: str, domain: str, zone: str) -> str:
    """Return the name behind a selector: where the key's text is published."""
    return f"{selector}.{domain}.{zone}"


def fits(domain: str, zone: str) -> bool:
    """True when the names behind all selectors can be held by the DNS."""
    return all(len(target_of(slot, domain, zone)) <= MAXIMUM_OCTETS for slot in ALL_SLOTS)


def free_slot(algorithm: str, taken: Container[str]) -> str:
    """Return a selector for the next key, empty when both are in use."""
    return next((slot for slot in slots_of(algorithm) if slot not in taken), "")
