"""The classes of mail in a domain's name, as its owner has to tell them apart."""

from enum import StrEnum


class Kind(StrEnum):
    """One class of a stream; the order is that of the charts, from right to wrong."""

    OWN = "own"  # a server of ours
    ALIGNED = "service-aligned"  # a named service, set up right
    MISALIGNED = "service-misaligned"  # a named service of this domain, set up wrong: a mistake of its owner
    FORWARDER = "forwarder"  # a forwarder or a mailing list: SPF breaks on the way, the signature or a seal holds
    UNKNOWN = "unknown"  # nothing names it, for good or ill
    IMPOSTOR = "impostor"  # somebody else in this domain's name


KINDS = tuple(kind.value for kind in Kind)
GOOD = (Kind.OWN, Kind.ALIGNED)
