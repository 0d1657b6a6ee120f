"""What a text in the DNS has too many and what it lacks, in the units that its kind is made of.

SPF in terms, where further senders are the owner's choice; DMARC in the tags that are wanted; other TXT in tags;
MX and SRV in what counts of them; the rest as a whole. Pure.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domains.spf.merge import lacking
from domains.spf.record import BadSpfRecord

_BEGUN = 20
_COUNTING = {"MX": 1, "SRV": 2}  # words at the end: the host; port and host


@dataclass(frozen=True, slots=True)
class Difference:
    """Pieces of the wanted text that were not seen, and of the seen texts that are not wanted."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def difference(purpose: str, rdtype: str, wanted: str, found: Sequence[str]) -> Difference:
    """Return how the texts seen at a name differ from the wanted one; without any, nothing is compared."""
    if not found:
        return Difference()
    if purpose == "spf":
        return _spf(wanted, found)
    if purpose == "dmarc":
        return _dmarc(wanted, found)
    return _pieces(wanted, rdtype, found)


def _spf(wanted: str, found: Sequence[str]) -> Difference:
    if wanted.split()[1:] == ["-all"]:  # no senders at all: then further ones are too many
        ours, theirs = wanted.split(), found[0].split()
        return Difference(
            tuple(word for word in ours if word not in theirs), tuple(word for word in theirs if word not in ours)
        )
    try:
        return Difference(tuple(term.text for term in lacking(found[0], wanted)))
    except BadSpfRecord as error:
        bad = re.match(r"'([^']+)'", str(error))
        return Difference((), (bad[1],) if bad and bad[1] in found[0] else ())


def _dmarc(wanted: str, found: Sequence[str]) -> Difference:
    have = dict(piece.partition("=")[::2] for piece in _tags(found[0]))
    missing: list[str] = []
    extra: list[str] = []
    for piece in _tags(wanted):
        name, _, value = piece.partition("=")
        if name in ("rua", "ruf"):
            there = {_address(uri) for uri in have.get(name, "").split(",")}
            missing += [uri for uri in value.split(",") if _address(uri) not in there]
        elif have.get(name, "").strip().lower() != value.lower():
            missing.append(piece)
            extra += [f"{name}={have[name]}"] if name in have else []
    return Difference(tuple(missing), tuple(extra))


def _address(uri: str) -> str:
    return uri.strip().partition("!")[0].lower()


def _tags(text: str) -> list[str]:
    return [piece.strip() for piece in text.split(";") if piece.strip()]


def _ends(text: str, rdtype: str) -> list[str]:
    words = text.split()
    return [" ".join(words[-_COUNTING.get(rdtype, len(words)) :])]


def _split(text: str, rdtype: str) -> list[str]:
    return _tags(text) if rdtype == "TXT" else _ends(text, rdtype)


def _pieces(wanted: str, rdtype: str, found: Iterable[str]) -> Difference:
    ours = _split(wanted, rdtype)
    seen = [piece for text in found for piece in _split(text, rdtype)]
    fold = str if rdtype == "TXT" else str.lower
    have, want = {fold(piece) for piece in seen}, {fold(piece) for piece in ours}
    missing = dict.fromkeys(piece for piece in ours if fold(piece) not in have)
    extra = dict.fromkeys(piece for piece in seen if fold(piece) not in want)
    for piece in [piece for piece in missing if rdtype == "TXT"]:  # of one that was cut, the rest is missing
        begun = next((part for part in extra if len(part) > _BEGUN and piece.startswith(part)), "")
        if begun:
            del missing[piece], extra[begun]
            missing[piece.removeprefix(begun)] = None
    return Difference(tuple(missing), tuple(extra))
