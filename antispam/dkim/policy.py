"""What a signature and its key must be before anything is computed (RFC 6376, RFC 8301, RFC 8463, RFC 8617).

No ``l=``, no SHA-1, RSA of at least 1024 bits, keys that exist once and serve mail; shapes that cost the library more
than linear time never reach it. DKIM signatures and both signatures of an ARC set pass here.
"""

import base64
import binascii
import re
from enum import StrEnum
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from domains.dkim.record import BadKeyRecord, KeyRecord, parse_key_record
from domains.dns.port import Answer, DnsStatus, Resolver
from domains.taglist import BadTagList, parse_tag_list

MINIMUM_BITS = 1024
GOOD_BITS = 2048
MAXIMUM_FIELD = 64 * 1024
MAXIMUM_NAMES = 256
_LONG_GAP = re.compile(rb"\s{512}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
SIGNATURE_TAGS = ("v", "a", "b", "bh", "d", "h", "s")
SHOWN_OCTETS = 200


class DkimResult(StrEnum):
    """RFC 8601 section 2.7.1."""

    NONE = "none"  # no signature
    PASS = "pass"  # the signature verifies and is acceptable  # noqa: S105
    FAIL = "fail"  # the signature does not verify
    POLICY = "policy"  # it may verify, but is not acceptable here
    NEUTRAL = "neutral"  # the signature cannot be processed
    TEMPERROR = "temperror"  # the key could not be fetched now
    PERMERROR = "permerror"  # the key or the signature can never be used


class Refused(Exception):
    """A signature ends before anything is computed."""

    def __init__(self, result: DkimResult, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


def read_tags(field: bytes, required: tuple[str, ...] = SIGNATURE_TAGS) -> dict[str, str]:
    """Return the signature's tags after the policy on what they say; raises Refused.

    What ``required`` leaves out is not looked at: an ARC seal has neither ``h=`` nor ``bh=``.
    """
    if len(field) > MAXIMUM_FIELD:
        raise Refused(DkimResult.PERMERROR, "the signature field is longer than 64 kB")
    if _LONG_GAP.search(field):
        raise Refused(DkimResult.PERMERROR, "the signature field holds more than 511 octets of white space in a row")
    try:
        tags = parse_tag_list(field.decode("ascii"))
    except (BadTagList, UnicodeDecodeError) as error:
        raise Refused(DkimResult.PERMERROR, f"the signature is not a tag list: {error}") from error
    missing = [tag for tag in required if not tags.get(tag)]
    if missing:
        raise Refused(DkimResult.PERMERROR, f"the signature lacks {', '.join(f'{tag}=' for tag in missing)}")
    if "l" in tags:
        raise Refused(DkimResult.POLICY, "the signature covers only a part of the body (l=)")
    if tags["a"] == "rsa-sha1":
        raise Refused(DkimResult.POLICY, "the signature uses SHA-1 (RFC 8301)")
    if tags["a"] not in ALGORITHMS:
        raise Refused(DkimResult.PERMERROR, f"the algorithm {tags['a'][:40]} is not known")
    for tag in {"b", "bh"}.intersection(required):
        if not _is_base64("".join(tags[tag].split())):
            raise Refused(DkimResult.PERMERROR, f"{tag}= is not base64")
    if "h" in required:
        _check_names(tags["h"].split(":"))
    return tags


def _is_base64(text: str) -> bool:
    """True for what decodes: the right letters, and as many as make whole octets."""
    try:
        return _BASE64.fullmatch(text) is not None and bool(base64.b64decode(text))
    except binascii.Error:
        return False


def _check_names(names: list[str]) -> None:
    """Raise Refused unless ``h=`` is such as the library reads in linear time, and covers From."""
    if len(names) > MAXIMUM_NAMES:
        raise Refused(DkimResult.PERMERROR, f"the signature names more than {MAXIMUM_NAMES} fields (h=)")
    if "from" not in [name.strip().lower() for name in names]:
        raise Refused(DkimResult.PERMERROR, "the signature does not cover From")


def shown_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags as the trace keeps them: what is long is cut, ``b=`` and ``bh=`` to their beginning."""
    lengths = {"b": 12, "bh": 44}
    return {name: value[: lengths.get(name, SHOWN_OCTETS)] for name, value in tags.items()}


async def fetch_key(tags: dict[str, str], resolver: Resolver) -> Answer:
    """Return the one key text that ``s=`` and ``d=`` lead to; raises Refused."""
    name = f"{tags['s']}._domainkey.{tags['d']}".lower()
    answer = await resolver.lookup(name, "TXT")
    if answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS):
        raise Refused(DkimResult.TEMPERROR, f"the DNS did not answer about {name}")
    if answer.absent:
        raise Refused(DkimResult.PERMERROR, f"there is no key at {name}")
    if len(answer.records) != 1:
        raise Refused(DkimResult.PERMERROR, f"there are {len(answer.records)} records at {name}")
    return answer


_parse = lru_cache(maxsize=1024)(parse_key_record)


def read_key(tags: dict[str, str], answer: Answer) -> KeyRecord:
    """Return the key record when it may serve this signature; raises Refused."""
    try:
        record = _parse(answer.records[0])
    except BadKeyRecord as error:
        raise Refused(DkimResult.PERMERROR, f"the key record cannot be used: {error}") from error
    if record.revoked:
        raise Refused(DkimResult.PERMERROR, "the key is revoked (empty p=)")
    if record.key_type != ALGORITHMS[tags["a"]]:
        raise Refused(DkimResult.PERMERROR, f"the key is {record.key_type[:20]}, the signature {tags['a']}")
    if record.hashes and "sha256" not in record.hashes:
        raise Refused(DkimResult.PERMERROR, "the key does not allow sha256")
    if not {"*", "email"} & set(record.services):
        raise Refused(DkimResult.PERMERROR, "the key is not for e-mail")
    agent_domain = tags.get("i", "@" + tags["d"]).rpartition("@")[2].lower()
    if "s" in record.flags and agent_domain != tags["d"].lower():
        raise Refused(DkimResult.PERMERROR, "the key does not allow a subdomain in i=")
    return record


@lru_cache(maxsize=1024)
def strength_of(record: KeyRecord) -> tuple[int, str]:
    """Return the key's bits and a warning; a key that is too short raises Refused (RFC 8301 section 3.2)."""
    if record.key_type == "ed25519":
        return 256, ""
    try:
        key: Any = load_der_public_key(base64.b64decode(record.public_key, validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise Refused(DkimResult.PERMERROR, "the key record holds no readable RSA key") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MINIMUM_BITS:
        raise Refused(DkimResult.POLICY, f"the RSA key is shorter than {MINIMUM_BITS} bits")
    warning = f"The RSA key has {key.key_size} bits, fewer than {GOOD_BITS}." if key.key_size < GOOD_BITS else ""
    return key.key_size, warning
