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


def merge_policy(found: str, ours: str) -> MergedPolicy:
    """Return the one record to publish in place of ``found``; one that cannot be read is replaced by ours."""
    wanted = parse_tag_list(ours)
    try:
        theirs = {name: value for name, value in parse_tag_list(found).items() if name not in GONE}
        text = serialise_tag_list(theirs | wanted | _addresses(theirs, wanted))
    except (BadTagList, ValueError):
        return MergedPolicy(ours)
    before, after = theirs.get("p", "").lower(), wanted["p"]
    weaker = before in POLICIES and POLICIES.index(before) > POLICIES.index(after)
    return MergedPolicy(text, f"p={before} → p={after}" if weaker else "")


def _addresses(theirs: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    uris = [uri.strip() for tags in (theirs, wanted) for uri in tags.get("rua", "").split(",") if uri.strip()]
    once = {uri.lower(): uri for uri in reversed(uris)}
    return {"rua": ",".join(uri for uri in dict.fromkeys(uris) if once[uri.lower()] is uri)} if uris else {}
