"""DKIM key records (RFC 6376 section 3.6.1, RFC 8463 section 4)."""

import re
from dataclasses import dataclass, field

from domains.taglist import BadTagList, parse_tag_list


class BadKeyRecord(ValueError):
    """The text is not a key record that can be used; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """``public_key`` is base64 without white space, empty for a revoked key; ``testing`` is the flag ``y``."""

    key_type: str
    public_key: str
    hashes: tuple[str, ...] = ()
    services: tuple[str, ...] = ("*",)
    flags: frozenset[str] = field(default_factory=frozenset)

    @property
    def revoked(self) -> bool:
        """True when ``p=`` is empty."""
        return not self.public_key

    @property
    def testing(self) -> bool:
        """True when the domain only tests DKIM (flag ``y``)."""
        return "y" in self.flags


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip().lower() for item in text.split(":") if item.strip())


def parse_key_record(text: str) -> KeyRecord:
    """Return the record; raises BadKeyRecord."""
    try:
        tags = parse_tag_list(text)
    except BadTagList as error:
        raise BadKeyRecord(str(error)) from error
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise BadKeyRecord("v= is not DKIM1 in the first place")
    if "p" not in tags:
        raise BadKeyRecord("there is no p= tag")
    return KeyRecord(
        key_type=tags.get("k", "rsa").lower(),
        public_key=re.sub(r"\s+", "", tags["p"]),
        hashes=_list(tags.get("h", "")),
        services=_list(tags.get("s", "*")),
        flags=frozenset(_list(tags.get("t", ""))),
    )


def serialise_key_record(algorithm: str, public_key: str) -> str:
    """Return the TXT value for a key of ours, one unsplit string; an empty ``public_key`` revokes."""
    key_type = "ed25519" if algorithm == "ed25519" else "rsa"
    return f"v=DKIM1; k={key_type}; p={public_key}"


def split_strings(value: str, size: int = 255) -> list[str]:
    """Return a TXT value as strings of at most ``size`` octets (RFC 1035 section 3.3.14)."""
    return [value[start : start + size] for start in range(0, len(value), size)] or [""]
