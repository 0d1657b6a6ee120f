"""DKIM verification: dkimpy behind a policy (RFC 6376, RFC 8301, RFC 8463).

Keys are fetched first through the resolver port, then dkimpy is handed what was fetched, so no look-up blocks. The
policy stands in front: no ``l=``, no rsa-sha1, RSA of at least 1024 bits (a warning below 2048), at most five
signatures, a revoked key fails; shapes that cost the library more than linear time never reach it. A fault of the
remote is a result, never an exception.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from domains.dkim.canonical import Message
from domains.dkim.record import BadKeyRecord, KeyRecord, parse_key_record
from domains.dns.port import Answer, DnsStatus, Resolver
from domains.taglist import BadTagList, parse_tag_list
from mailboxes.mime.headers import read_block

MAXIMUM_SIGNATURES = 5
MINIMUM_BITS = 1024
GOOD_BITS = 2048
MAXIMUM_FIELD = 64 * 1024
MAXIMUM_NAMES = 256
_LONG_GAP = re.compile(rb"\s{512}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


class DkimResult(StrEnum):
    """RFC 8601 section 2.7.1."""

    NONE = "none"  # no signature
    PASS = "pass"  # the signature verifies and is acceptable  # noqa: S105
    FAIL = "fail"  # the signature does not verify
    POLICY = "policy"  # it may verify, but is not acceptable here
    NEUTRAL = "neutral"  # the signature cannot be processed
    TEMPERROR = "temperror"  # the key could not be fetched now
    PERMERROR = "permerror"  # the key or the signature can never be used


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """One signature's end; ``bits`` is the key's size, 0 when unknown; ``testing`` the key's flag ``y``."""

    result: DkimResult
    reason: str
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    bits: int = 0
    testing: bool = False
    warning: str = ""


class _Refused(Exception):
    """A signature ends before dkimpy sees it."""

    def __init__(self, result: DkimResult, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


async def verify_dkim(octets: bytes, resolver: Resolver) -> list[DkimSignature]:
    """Return the result of each signature, topmost first; one NONE when there is no signature.

    ``octets`` has CRLF line ends. Signatures beyond the fifth are not looked at and say so.
    """
    if not read_block(octets).within:
        return [DkimSignature(DkimResult.PERMERROR, "the header block is longer than any that is read")]
    try:
        message = Message(octets)
    except dkim.DKIMException as error:
        return [DkimSignature(DkimResult.PERMERROR, f"the header block cannot be read: {error}")]
    fields = [value for name, value in message.headers if name.lower() == b"dkim-signature"]
    if not fields:
        return [DkimSignature(DkimResult.NONE, "there is no signature")]
    found = [
        await _verify(message, index, fields[index], resolver) for index in range(len(fields[:MAXIMUM_SIGNATURES]))
    ]
    if len(fields) > MAXIMUM_SIGNATURES:
        left = len(fields) - MAXIMUM_SIGNATURES
        found.append(DkimSignature(DkimResult.NEUTRAL, f"{left} more signatures are not looked at"))
    return found


async def _verify(message: Message, index: int, field: bytes, resolver: Resolver) -> DkimSignature:
    tags: dict[str, str] = {}
    bits, testing, warning = 0, False, ""
    try:
        tags = _tags(field)
        answer = await _fetch(tags, resolver)
        record = _key_record(tags, answer)
        testing = record.testing
        bits, warning = _strength(record)
        result, reason = _run(message, index, answer.records[0])
    except _Refused as refused:
        result, reason = refused.result, refused.reason
    return DkimSignature(
        result, reason, tags.get("d", "").lower(), tags.get("s", ""), tags.get("a", ""), bits, testing, warning
    )


def _tags(field: bytes) -> dict[str, str]:
    """Return the signature's tags after the policy on what they say."""
    if len(field) > MAXIMUM_FIELD:
        raise _Refused(DkimResult.PERMERROR, "the signature field is longer than 64 kB")
    if _LONG_GAP.search(field):
        raise _Refused(DkimResult.PERMERROR, "the signature field holds more than 511 octets of white space in a row")
    try:
        tags = parse_tag_list(field.decode("ascii"))
    except (BadTagList, UnicodeDecodeError) as error:
        raise _Refused(DkimResult.PERMERROR, f"the signature is not a tag list: {error}") from error
    missing = [tag for tag in ("v", "a", "b", "bh", "d", "h", "s") if not tags.get(tag)]
    if missing:
        raise _Refused(DkimResult.PERMERROR, f"the signature lacks {', '.join(f'{tag}=' for tag in missing)}")
    if "l" in tags:
        raise _Refused(DkimResult.POLICY, "the signature covers only a part of the body (l=)")
    if tags["a"] == "rsa-sha1":
        raise _Refused(DkimResult.POLICY, "the signature uses SHA-1 (RFC 8301)")
    if tags["a"] not in ALGORITHMS:
        raise _Refused(DkimResult.PERMERROR, f"the algorithm {tags['a'][:40]} is not known")
    _check_shape(tags)
    return tags


def _check_shape(tags: dict[str, str]) -> None:
    """Raise _Refused unless ``h=``, ``b=`` and ``bh=`` are such as the library reads in linear time."""
    names = tags["h"].split(":")
    if len(names) > MAXIMUM_NAMES:
        raise _Refused(DkimResult.PERMERROR, f"the signature names more than {MAXIMUM_NAMES} fields (h=)")
    if "from" not in [name.strip().lower() for name in names]:
        raise _Refused(DkimResult.PERMERROR, "the signature does not cover From")
    for tag in ("b", "bh"):
        if not _BASE64.fullmatch("".join(tags[tag].split())):
            raise _Refused(DkimResult.PERMERROR, f"{tag}= is not base64")


async def _fetch(tags: dict[str, str], resolver: Resolver) -> Answer:
    name = f"{tags['s']}._domainkey.{tags['d']}".lower()
    answer = await resolver.lookup(name, "TXT")
    if answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS):
        raise _Refused(DkimResult.TEMPERROR, f"the DNS did not answer about {name}")
    if answer.absent:
        raise _Refused(DkimResult.PERMERROR, f"there is no key at {name}")
    if len(answer.records) != 1:
        raise _Refused(DkimResult.PERMERROR, f"there are {len(answer.records)} records at {name}")
    return answer


def _key_record(tags: dict[str, str], answer: Answer) -> KeyRecord:
    """Return the key record when it may serve this signature."""
    try:
        record = parse_key_record(answer.records[0])
    except BadKeyRecord as error:
        raise _Refused(DkimResult.PERMERROR, f"the key record cannot be used: {error}") from error
    if record.revoked:
        raise _Refused(DkimResult.PERMERROR, "the key is revoked (empty p=)")
    if record.key_type != ALGORITHMS[tags["a"]]:
        raise _Refused(DkimResult.PERMERROR, f"the key is {record.key_type[:20]}, the signature {tags['a']}")
    if record.hashes and "sha256" not in record.hashes:
        raise _Refused(DkimResult.PERMERROR, "the key does not allow sha256")
    if not {"*", "email"} & set(record.services):
        raise _Refused(DkimResult.PERMERROR, "the key is not for e-mail")
    agent_domain = tags.get("i", "@" + tags["d"]).rpartition("@")[2].lower()
    if "s" in record.flags and agent_domain != tags["d"].lower():
        raise _Refused(DkimResult.PERMERROR, "the key does not allow a subdomain in i=")
    return record


def _strength(record: KeyRecord) -> tuple[int, str]:
    """Return the key's bits and a warning; a key that is too short ends the signature (RFC 8301 section 3.2)."""
    if record.key_type == "ed25519":
        return 256, ""
    try:
        key: Any = load_der_public_key(base64.b64decode(record.public_key, validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise _Refused(DkimResult.PERMERROR, "the key record holds no readable RSA key") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MINIMUM_BITS:
        raise _Refused(DkimResult.POLICY, f"the RSA key is shorter than {MINIMUM_BITS} bits")
    warning = f"The RSA key has {key.key_size} bits, fewer than {GOOD_BITS}." if key.key_size < GOOD_BITS else ""
    return key.key_size, warning


def _run(message: Message, index: int, record: str) -> tuple[DkimResult, str]:
    """Let dkimpy verify; what it raises is the remote's fault."""
    try:
        good = message.verify(index, dnsfunc=lambda name, timeout=0: record.encode("latin-1"))
    except dkim.ValidationError as error:
        return _validation(str(error))
    except (dkim.DKIMException, ValueError, TypeError, LookupError, AssertionError) as error:
        return DkimResult.PERMERROR, f"the signature cannot be processed: {error}"
    return (DkimResult.PASS, "the signature verifies") if good else (DkimResult.FAIL, "the signature does not verify")


def _validation(text: str) -> tuple[DkimResult, str]:
    if text.startswith("body hash mismatch"):
        return DkimResult.FAIL, "the body was changed after it was signed"
    if "is past" in text:
        return DkimResult.FAIL, "the signature has expired (x=)"
    if "in the future" in text:
        return DkimResult.FAIL, "the signature is from the future (t=)"
    return DkimResult.PERMERROR, f"the signature cannot be processed: {text[:200]}"
