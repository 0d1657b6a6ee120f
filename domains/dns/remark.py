"""Why a record is not right, as a value: what is so, and the words that a sentence about it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Cause(StrEnum):
    """One reason each; the sentences are made where the reader's language is known."""

    # nothing there
    NOTHING = "nothing"  # name
    NO_REVERSE = "no-reverse"  # address, value
    # there, but not where or how it should be
    DOUBLED_ZONE = "doubled-zone"  # at, entry: the provider added the zone to a full name
    DOUBLED_LABEL = "doubled-label"  # at, entry: the relative name was written twice
    OLD_TYPE = "old-type"  # name: SPF in the type SPF (99)
    AT_WWW = "at-www"  # at, name, entry
    TARGET_DOUBLED = "target-doubled"  # found, value: the provider added the zone to the target
    TARGET_SHORT = "target-short"  # found, value
    QUOTED = "quoted"  # quotes or backslashes inside the text
    SPACED = "spaced"  # spaces or line breaks inside the text
    CUT = "cut"  # have, all: characters
    IN_PIECES = "in-pieces"  # count: a record for each part
    # says something else
    SPF_LACKS = "spf-lacks"  # name, add
    SPF_UNREADABLE = "spf-unreadable"  # name, term
    DMARC_UNREADABLE = "dmarc-unreadable"  # name
    DMARC_LACKS = "dmarc-lacks"  # name, add: addresses
    DMARC_LACKS_TAG = "dmarc-lacks-tag"  # name, add: tags
    DMARC_DIFFERS = "dmarc-differs"  # name, found, value: tags
    OTHER_KEY = "other-key"  # name
    OTHER_HOST = "other-host"  # name, found, value
    OTHER_REVERSE = "other-reverse"  # name, found, value
    OTHER_TEXT = "other-text"  # name
    SEVERAL = "several"  # name, count
    SPF_SEVERAL = "spf-several"  # name, count
    # in the way
    LEFTOVER_MX = "leftover-mx"  # name, found
    LEFTOVER = "leftover"  # name, found: set-up of mail programs
    ALIAS = "alias"  # name, target
    OCCUPIED = "occupied"  # name, found: a CNAME cannot stand beside it
    WILDCARD = "wildcard"  # name, wildcard
    # not known yet
    LACKING = "lacking"  # servers, seconds
    QUIET = "quiet"  # servers: no certain answer
    SILENT = "silent"  # name, servers
    REFUSED = "refused"  # name, servers
    LAME = "lame"  # name, servers
    LOOP = "loop"  # name
    BOGUS = "bogus"  # name


@dataclass(frozen=True, slots=True)
class Remark:
    """One reason with its values, as texts."""

    cause: Cause
    values: Mapping[str, str] = field(default_factory=dict)


def remark(cause: Cause, **values: object) -> Remark:
    """Return a remark, its values as texts."""
    return Remark(cause, {name: str(value) for name, value in values.items()})
