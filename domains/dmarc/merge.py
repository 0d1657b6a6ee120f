"""Our policy put into somebody's DMARC record (RFC 9989 section 4.7): what they added to it stays.

Their further report addresses and tags are kept, also a tag that we leave at its default; ``pct``, ``rf`` and ``ri``,
which are no longer part of DMARC, go.
"""

from dataclasses import dataclass

from domains.dmarc.record import GONE, POLICIES
from domains.taglist import BadTagList, parse_tag_list, serialise_tag_list


@dataclass(frozen=True, slots=True)
class MergedPolicy:
    """The record to publish; ``weakens`` names both policies when ours asks for less than theirs, else empty."""

    text: str
    weakens: str = ""


def merge_policy(found: str, ours: str, own_address: str = "") -> MergedPolicy:
    """Return the one record to publish in place of ``found``; one that cannot be read is replaced by ours.

    ``own_address`` is the intake of ours that ``found`` may name: it stays only where ``ours`` names it too.
    """
    wanted = parse_tag_list(ours)
    try:
        theirs = {name: value for name, value in parse_tag_list(found).items() if name not in GONE}
        merged = theirs | wanted | _addresses(theirs, wanted, own_address)
        text = serialise_tag_list({name: value for name, value in merged.items() if name != "rua" or value})
    except (BadTagList, ValueError):
        return MergedPolicy(ours)
    before, after = theirs.get("p", "").lower(), wanted["p"]
    weaker = before in POLICIES and POLICIES.index(before) > POLICIES.index(after)
    return MergedPolicy(text, f"p={before} → p={after}" if weaker else "")


def _addresses(theirs: dict[str, str], wanted: dict[str, str], own_address: str) -> dict[str, str]:
    left = {f"mailto:{own_address}"} - {uri.lower() for uri in _uris(wanted)}
    uris = [uri for uri in _uris(theirs) + _uris(wanted) if uri.lower() not in left]
    once = {uri.lower(): uri for uri in reversed(uris)}
    return {"rua": ",".join(uri for uri in dict.fromkeys(uris) if once[uri.lower()] is uri)}


def _uris(tags: dict[str, str]) -> list[str]:
    return [uri.strip() for uri in tags.get("rua", "").split(",") if uri.strip()]
