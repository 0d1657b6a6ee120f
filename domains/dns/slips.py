"""The typical slips of a hand that edits a zone, recognised by the text itself or by a few further questions.

Pure. The questions are asked only for a record that is missing or wrong.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domains.dns.remark import Cause, Remark, remark

_LONGEST_NAME = 253
_SHORTEST_PART = 16
_KEY = "v=DKIM1;"  # the one kind that is long, and of which a part says nothing by itself
_TARGETS = frozenset({"MX", "SRV", "CNAME", "PTR"})
_BETWEEN_PARTS = re.compile(r'"\s*"')
_SPACE = re.compile(r"\s+")
_IN_VALUE = frozenset(
    {Cause.TARGET_DOUBLED, Cause.TARGET_SHORT, Cause.QUOTED, Cause.SPACED, Cause.CUT, Cause.IN_PIECES}
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One further question, and what it means when the record is found there."""

    cause: Cause
    name: str
    rdtype: str


def is_slip(known: Remark | None) -> bool:
    """True when the text itself has told the slip, so that nothing more is asked."""
    return known is not None and known.cause in _IN_VALUE


def relative_name(name: str, zone: str) -> str:
    """Return the name below its zone, empty for the zone itself."""
    return "" if name == zone else name.removesuffix(f".{zone}")


def probes_for(name: str, zone: str, rdtype: str, purpose: str) -> list[Probe]:
    """Return where a record may stand by mistake; names that the DNS cannot hold are left out."""
    relative = relative_name(name, zone)
    if relative.startswith("*"):
        return []
    probes = [Probe(Cause.DOUBLED_ZONE, f"{name}.{zone}", rdtype)]
    if relative:
        probes.append(Probe(Cause.DOUBLED_LABEL, f"{relative}.{name}", rdtype))
    if purpose == "spf":
        probes += [Probe(Cause.OLD_TYPE, name, "SPF"), Probe(Cause.AT_WWW, f"www.{name}", rdtype)]
    if rdtype == "CNAME":
        probes.append(Probe(Cause.OCCUPIED, name, "A"))
    return [probe for probe in probes if len(probe.name) <= _LONGEST_NAME]


def slip_in_value(
    rdtype: str, wanted: str, zone: str, texts: Sequence[str], belongs: Callable[[str], bool]
) -> Remark | None:
    """Return the slip by which one of the texts at the name is not the wanted one; None for another difference.

    ``belongs`` tells a text of the record's kind.
    """
    if rdtype in _TARGETS:
        return _slip_in_target(wanted, zone, texts)
    if rdtype != "TXT":
        return None
    for text in texts:
        plain = _BETWEEN_PARTS.sub("", text).strip(' "').replace("\\", "")
        if plain != text and (plain == wanted or (belongs(plain) and not belongs(text))):
            return remark(Cause.QUOTED)
        if text != wanted and _SPACE.sub("", plain) == _SPACE.sub("", wanted):
            return remark(Cause.SPACED)
    return _part_of(wanted, texts) if wanted.startswith(_KEY) else None


def _slip_in_target(wanted: str, zone: str, texts: Sequence[str]) -> Remark | None:
    target = wanted.rpartition(" ")[2].lower()
    for found in (text.rpartition(" ")[2].lower() for text in texts):
        if found == f"{target}.{zone}":
            return remark(Cause.TARGET_DOUBLED, found=found, value=f"{target}.")
        if found != target and "." not in found and found == target.partition(".")[0]:
            return remark(Cause.TARGET_SHORT, found=found, value=target)
    return None


def _part_of(wanted: str, texts: Sequence[str]) -> Remark | None:
    """Return CUT for one part of the wanted text, IN_PIECES when the texts together are all of it."""
    parts = [text for text in texts if text and text != wanted and text in wanted]
    whole = sorted(parts, key=wanted.index)
    if len(whole) > 1 and "".join(whole) == wanted:
        return remark(Cause.IN_PIECES, count=len(whole))
    longest = max(parts, key=len, default="")
    return remark(Cause.CUT, have=len(longest), all=len(wanted)) if len(longest) >= _SHORTEST_PART else None
