"""DKIM verification: dkimpy behind a policy (RFC 6376, RFC 8301, RFC 8463).

Keys are fetched first through the resolver port, then dkimpy is handed what was fetched, so no look-up blocks. The
policy (``policy``) stands in front; at most five signatures are looked at, topmost first. A fault of the remote is a
result, never an exception.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import dkim

from antispam.dkim.policy import DkimResult, Refused, fetch_key, read_key, read_tags, shown_tags, strength_of
from domains.dkim.canonical import Message
from domains.dns.port import Resolver
from domains.octets import Octets
from mailboxes.mime.headers import read_block

MAXIMUM_SIGNATURES = 5

Computed = tuple[DkimResult, str]
Compute = Callable[[Callable[[], Computed]], Awaitable[Computed]]


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """One signature's end; ``bits`` is the key's size, 0 when unknown; ``testing`` the key's flag ``y``.

    ``tags`` are those of the signature as they were written, long ones cut.
    """

    result: DkimResult
    reason: str
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    bits: int = 0
    testing: bool = False
    warning: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


async def compute_here(work: Callable[[], Computed]) -> Computed:
    """Compute at once, in the caller's thread."""
    return work()


def read_message(octets: Octets) -> Message | DkimSignature:
    """Return the message taken apart once for all its signatures, or the one result that says why it cannot be."""
    if not read_block(octets).within:
        return DkimSignature(DkimResult.PERMERROR, "the header block is longer than any that is read")
    try:
        return Message(octets)
    except dkim.DKIMException as error:
        return DkimSignature(DkimResult.PERMERROR, f"the header block cannot be read: {error}")


async def verify_dkim(
    octets: Octets | Message, resolver: Resolver, compute: Compute = compute_here
) -> list[DkimSignature]:
    """Return the result of each signature, topmost first; one NONE when there is no signature.

    ``octets`` has CRLF line ends, or is the message taken apart already. Signatures beyond the fifth are not looked
    at and say so. ``compute`` runs what takes time in proportion to the message.
    """
    message = octets if isinstance(octets, Message) else read_message(octets)
    if isinstance(message, DkimSignature):
        return [message]
    fields = [value for name, value in message.headers if name.lower() == b"dkim-signature"]
    if not fields:
        return [DkimSignature(DkimResult.NONE, "there is no signature")]
    found = [
        await _verify(message, index, fields[index], resolver, compute)
        for index in range(len(fields[:MAXIMUM_SIGNATURES]))
    ]
    if len(fields) > MAXIMUM_SIGNATURES:
        left = len(fields) - MAXIMUM_SIGNATURES
        found.append(DkimSignature(DkimResult.NEUTRAL, f"{left} more signatures are not looked at"))
    return found


async def _verify(message: Message, index: int, value: bytes, resolver: Resolver, compute: Compute) -> DkimSignature:
    tags: dict[str, str] = {}
    bits, testing, warning = 0, False, ""
    try:
        tags = read_tags(value)
        answer = await fetch_key(tags, resolver)
        record = read_key(tags, answer)
        testing = record.testing
        bits, warning = strength_of(record)
        text = answer.records[0]
        result, reason = await compute(lambda: _run(message, index, text))
    except Refused as refused:
        result, reason = refused.result, refused.reason
    domain, selector, algorithm = tags.get("d", "").lower(), tags.get("s", ""), tags.get("a", "")
    return DkimSignature(result, reason, domain, selector, algorithm, bits, testing, warning, shown_tags(tags))


def _run(message: Message, index: int, record: str) -> Computed:
    """Let dkimpy verify; what it raises is the remote's fault."""
    try:
        good = message.verify(index, dnsfunc=lambda name, timeout=0: record.encode("latin-1"))
    except dkim.ValidationError as error:
        return invalid(str(error))
    except (dkim.DKIMException, ValueError, TypeError, LookupError, AssertionError) as error:
        return DkimResult.PERMERROR, f"the signature cannot be processed: {error}"
    return (DkimResult.PASS, "the signature verifies") if good else (DkimResult.FAIL, "the signature does not verify")


def invalid(text: str) -> Computed:
    """Return the result for what the library says against a signature's tags."""
    if text.startswith("body hash mismatch"):
        return DkimResult.FAIL, "the body was changed after it was signed"
    if "is past" in text:
        return DkimResult.FAIL, "the signature has expired (x=)"
    if "in the future" in text:
        return DkimResult.FAIL, "the signature is from the future (t=)"
    return DkimResult.PERMERROR, f"the signature cannot be processed: {text[:200]}"
