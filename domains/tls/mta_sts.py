"""MTA-STS: the policy text and the TXT record that announces it (RFC 8461 sections 3.1 and 3.2). Never connects.

``id`` is drawn from the policy's own text: another policy has another id, the same policy always the same one, so
that it changes exactly when senders have to fetch again.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

MAXIMUM_AGE = 31_557_600
MAXIMUM_OCTETS = 64 * 1024
MAXIMUM_HOSTS = 100
MEDIA_TYPE = "text/plain"
PATH = "/.well-known/mta-sts.txt"
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


class PolicyMode(StrEnum):
    """What a sender does when the MX cannot be verified."""

    NONE = "none"  # nothing: the policy is being withdrawn
    TESTING = "testing"  # delivers all the same and reports
    ENFORCE = "enforce"  # does not deliver


class BadPolicy(ValueError):
    """The text is no policy or no record; ``str()`` says what is wrong."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy; ``mx`` holds host names, or ``*.`` and a name, in lower case; ``max_age`` is in seconds."""

    mode: PolicyMode
    mx: tuple[str, ...]
    max_age: int

    def __post_init__(self) -> None:
        if not 0 <= self.max_age <= MAXIMUM_AGE:
            raise BadPolicy(f"max_age is {self.max_age}; 0 to {MAXIMUM_AGE} seconds are allowed")
        if not self.mx and self.mode is not PolicyMode.NONE:
            raise BadPolicy("there is no mx")
        if len(self.mx) > MAXIMUM_HOSTS:
            raise BadPolicy(f"there are more than {MAXIMUM_HOSTS} mx lines")
        bad = next((host for host in self.mx if len(host) > 255 or not _HOST.fullmatch(host)), None)
        if bad is not None:
            raise BadPolicy(f"{bad[:80]!r} is not a host name")


def serialise_policy(policy: Policy) -> str:
    """Return the text to serve at ``PATH``, lines ended by CRLF."""
    hosts = [f"mx: {host}" for host in policy.mx]
    lines = ["version: STSv1", f"mode: {policy.mode}", *hosts, f"max_age: {policy.max_age}"]
    return "\r\n".join(lines) + "\r\n"


def parse_policy(text: str) -> Policy:
    """Return the policy of a text; of a key given twice the first counts, but for ``mx``; raises BadPolicy.

    Unknown keys are ignored, and a line may end in CRLF or LF (RFC 8461 section 3.2).
    """
    if len(text) > MAXIMUM_OCTETS:
        raise BadPolicy(f"the policy is longer than {MAXIMUM_OCTETS} octets")
    fields: dict[str, str] = {}
    hosts: list[str] = []
    for line in text.removesuffix("\n").split("\n"):
        key, value = _field(line.removesuffix("\r"))
        if key == "mx":
            hosts.append(value.lower())
        else:
            fields.setdefault(key, value)
    if fields.get("version") != "STSv1":
        raise BadPolicy("version is not STSv1")
    return Policy(_mode(fields.get("mode", "")), tuple(hosts), _age(fields.get("max_age", "")))


def _field(line: str) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    if not colon or not _KEY.fullmatch(key):
        raise BadPolicy(f"{line[:80]!r} is not key: value")
    return key, value.strip(" \t")


def _mode(text: str) -> PolicyMode:
    try:
        return PolicyMode(text)
    except ValueError:
        raise BadPolicy(f"mode is {text[:80]!r}; allowed are enforce, testing and none") from None


def _age(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10:
        raise BadPolicy(f"max_age is {text[:80]!r}, not a number of seconds")
    return int(text)


def policy_id(policy: Policy) -> str:
    """Return the id of a policy: 32 hexadecimal digits."""
    return sha256(serialise_policy(policy).encode()).hexdigest()[:32]


def serialise_record(policy: Policy) -> str:
    """Return the TXT record at ``_mta-sts.`` and the domain."""
    return f"v=STSv1; id={policy_id(policy)};"


def parse_record(text: str) -> str:
    """Return the id of a TXT record; raises BadPolicy."""
    version, *rest = (part.strip(" \t") for part in text.split(";"))
    if version != "v=STSv1":
        raise BadPolicy("the record does not begin v=STSv1")
    ids = [part.removeprefix("id=") for part in rest if part.startswith("id=")]
    if len(ids) != 1 or not _ID.fullmatch(ids[0]):
        raise BadPolicy("the record has no id of 1 to 32 letters and digits")
    return ids[0]


def is_record(text: str) -> bool:
    """True for a TXT record that means to be one of MTA-STS."""
    return text.partition(";")[0].strip(" \t") == "v=STSv1"
