"""Sealing what is handed on (RFC 8617 section 5.1): one ARC set over the results that we gave ourselves."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import dkim

from domains.arc.sets import MAXIMUM_INSTANCE, NAMES, instance_of, seal_input
from domains.dkim.canonical import Message, relaxed_headers, select_fields, sign_digest
from domains.dkim.sign import OVERSIGNED, SIGNED, CannotSign, LoadedKey
from domains.octets import Octets

_ALGORITHMS = {"rsa2048": "rsa-sha256", "rsa4096": "rsa-sha256", "ed25519": "ed25519-sha256"}
_COVERED = SIGNED | {b"dkim-signature"}
MAXIMUM_NAMES = 256  # more fields in h= than a verifier can be expected to read
FOLD = 72


@dataclass(frozen=True, slots=True)
class Seen:
    """What this host found: ``results`` as in Authentication-Results after the field's name, ``chain`` the result
    of the chain so far (``none``, ``pass``, ``fail``).
    """

    results: str
    chain: str = "none"


def seal(octets: Octets, seen: Seen, domain: str, key: LoadedKey, timestamp: int) -> bytes:
    """Return the three fields of a new set, each ending CRLF, to stand before the message (CRLF line ends).

    Empty when the chain must not go on: it ended with a failure before, is as long as a chain may be, or is broken so
    that no instance can follow it. Raises CannotSign when the header block cannot be read, has no From or too many
    fields.
    """
    try:
        message = Message(octets)
    except dkim.DKIMException as error:
        raise CannotSign(str(error)) from error
    chain = _chain(message)
    instance = len(chain) + 1
    if (chain and seen.chain not in ("pass", "fail")) or _ended(chain):
        return b""
    if seen.chain == "fail":  # a broken chain is sealed alone (section 5.1.2)
        highest = max((instance_of(value) for name, value in message.headers if name.lower() in NAMES), default=0)
        chain, instance = [], highest + 1
    if instance > MAXIMUM_INSTANCE or (instance == 1 and seen.chain != "none"):
        return b""
    return _new_set(message, chain, instance, seen, domain, key, timestamp)


def _new_set(
    message: Message,
    chain: list[list[Sequence[bytes]]],
    instance: int,
    seen: Seen,
    domain: str,
    key: LoadedKey,
    timestamp: int,
) -> bytes:
    results = (b"ARC-Authentication-Results", f" i={instance}; {seen.results.strip()}\r\n".encode())
    signed = (b"ARC-Message-Signature", _message_signature(message, instance, domain, key, timestamp))
    state = seen.chain if instance > 1 else "none"
    tags = {"i": str(instance), "a": _ALGORITHMS[key.algorithm], "cv": state, "d": domain, "s": key.selector}
    unsigned = _folded(tags | {"t": str(timestamp), "b": ""})
    own: list[Sequence[bytes]] = [results, signed, (b"ARC-Seal", unsigned)]
    sealed = _with_signature(unsigned, sign_digest(key.key, seal_input([*chain, own])))
    fields = [(b"ARC-Seal", sealed), signed, results]
    return b"".join(name + b":" + value for name, value in fields)


def _chain(message: Message) -> list[list[Sequence[bytes]]]:
    """Return the fields of the sets 1 to n as far as they are complete, in the order of sealing."""
    found: dict[int, dict[bytes, Sequence[bytes]]] = {}
    for name, value in message.headers:
        if name.lower() in NAMES:
            found.setdefault(instance_of(value), {})[name.lower()] = (name, value)
    chain: list[list[Sequence[bytes]]] = []
    while len(found.get(len(chain) + 1, {})) == len(NAMES):
        fields = found[len(chain) + 1]
        chain.append([fields[name] for name in NAMES])
    return chain


def _ended(chain: Sequence[Sequence[Sequence[bytes]]]) -> bool:
    """True when the last seal says that the chain has failed: nothing is added to it (section 5.1.2)."""
    if not chain:
        return False
    tags = b"".join(chain[-1][2][1].split()).lower()
    return b";cv=fail;" in b";" + tags + b";"


def _message_signature(message: Message, instance: int, domain: str, key: LoadedKey, timestamp: int) -> bytes:
    """Return the value of ARC-Message-Signature, relaxed/relaxed, the singletons oversigned as in DKIM."""
    present = [name.lower() for name, _ in message.headers]
    if b"from" not in present:
        raise CannotSign("it has no From")
    names = [*(name for name in present if name in _COVERED), *OVERSIGNED]
    if len(names) > MAXIMUM_NAMES:
        raise CannotSign(f"it has more than {MAXIMUM_NAMES} fields to sign")
    tags = {
        "i": str(instance),
        "a": _ALGORITHMS[key.algorithm],
        "c": "relaxed/relaxed",
        "d": domain,
        "s": key.selector,
        "t": str(timestamp),
        "h": ":".join(name.decode() for name in names),
        "bh": base64.b64encode(message.body_hash("relaxed", "sha256")).decode(),
        "b": "",
    }
    unsigned = _folded(tags)
    octets = b"".join(name + b":" + value for name, value in relaxed_headers(select_fields(message.headers, names)))
    ((name, value),) = relaxed_headers([(b"ARC-Message-Signature", unsigned)])
    return _with_signature(unsigned, sign_digest(key.key, octets + name + b":" + value.rstrip(b"\r\n")))


def _folded(tags: dict[str, str]) -> bytes:
    """Return `` i=…; …; b=`` with each long tag on lines of its own, ending CRLF."""
    parts = []
    for name, value in tags.items():
        pieces = value.split(":") if name == "h" else [value]
        lines = [pieces[0]]
        for piece in pieces[1:]:
            if len(lines[-1]) + len(piece) > FOLD:
                lines[-1] += ":"
                lines.append(piece)
            else:
                lines[-1] += f":{piece}"
        parts.append(f"{name}=" + "\r\n  ".join(lines))
    short = "; ".join(parts[:-3]) if len(parts) > 6 else "; ".join(parts[:-1])
    rest = parts[-3:] if len(parts) > 6 else parts[-1:]
    return (" " + short + "".join(f";\r\n {part}" for part in rest) + "\r\n").encode()


def _with_signature(unsigned: bytes, signature: bytes) -> bytes:
    """Return the value with its ``b=``, which stands last, filled in."""
    text = base64.b64encode(signature)
    lines = [text[start : start + FOLD] for start in range(0, len(text), FOLD)]
    return unsigned.removesuffix(b"\r\n") + b"\r\n  ".join(lines) + b"\r\n"
