"""What the linter says of a text: a level, a code, the place in the text, and values; the words are the panel's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What kinds of text are read."""

    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    DMARC_REPORT = "dmarc-report"  # the leave to send reports, under _report._dmarc
    MTA_STS = "mta-sts"
    MTA_STS_POLICY = "mta-sts-policy"
    TLS_RPT = "tls-rpt"
    BIMI = "bimi"
    MX = "mx"
    TLSA = "tlsa"
    CAA = "caa"
    SRV = "srv"
    ZONE = "zone"


class Level(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"  # the record does not do what it is for
    WARNING = "warning"  # it works, and something about it will do harm or does nothing
    NOTE = "note"  # good to know


class Code(StrEnum):
    """What was found; one sentence each, in two languages, stands in the panel's words."""

    # any text
    EMPTY = "empty"
    TOO_LONG = "too-long"
    CONTROL = "control"
    NOT_ASCII = "not-ascii"
    OUTER_SPACE = "outer-space"
    QUOTES = "quotes"
    LONG_STRING = "long-string"
    PRIVATE_KEY = "private-key"
    NAME_BAD = "name-bad"
    NAME_PLACE = "name-place"
    NAME_DOUBLED = "name-doubled"
    # lists of tags
    TAG_SYNTAX = "tag-syntax"
    TAG_TWICE = "tag-twice"
    TAG_BACKSLASH = "tag-backslash"
    TAG_UNKNOWN = "tag-unknown"
    TAG_MISSPELT = "tag-misspelt"
    VERSION = "version"
    # SPF
    SPF_VERSION = "spf-version"
    SPF_UNKNOWN = "spf-unknown"
    SPF_MISSPELT = "spf-misspelt"
    SPF_BARE_ADDRESS = "spf-bare-address"
    SPF_BARE_NAME = "spf-bare-name"
    SPF_COMMA = "spf-comma"
    SPF_EQUALS = "spf-equals"
    SPF_NEEDS_DOMAIN = "spf-needs-domain"
    SPF_BAD_DOMAIN = "spf-bad-domain"
    SPF_BAD_MACRO = "spf-bad-macro"
    SPF_BAD_NETWORK = "spf-bad-network"
    SPF_OTHER_FAMILY = "spf-other-family"
    SPF_BAD_PREFIX = "spf-bad-prefix"
    SPF_ALL_TAKES_NOTHING = "spf-all-takes-nothing"
    SPF_MODIFIER_TWICE = "spf-modifier-twice"
    SPF_TWO_IN_ONE = "spf-two-in-one"
    SPF_UNKNOWN_MODIFIER = "spf-unknown-modifier"
    SPF_PLUS_ALL = "spf-plus-all"
    SPF_NEUTRAL_ALL = "spf-neutral-all"
    SPF_SOFT_ALL = "spf-soft-all"
    SPF_NO_ALL = "spf-no-all"
    SPF_AFTER_ALL = "spf-after-all"
    SPF_SEVERAL_ALL = "spf-several-all"
    SPF_REDIRECT_WITH_ALL = "spf-redirect-with-all"
    SPF_NOBODY = "spf-nobody"
    SPF_PTR = "spf-ptr"
    SPF_MACRO = "spf-macro"
    SPF_TWICE = "spf-twice"
    SPF_WIDE = "spf-wide"
    SPF_PRIVATE = "spf-private"
    SPF_LOOKUPS = "spf-lookups"
    SPF_VOIDS = "spf-voids"
    SPF_OVERLAPPING = "spf-overlapping"
    SPF_TYPE = "spf-type"
    SPF_DUPLICATE = "spf-duplicate"
    SPF_MISSING = "spf-missing"
    TREE_SILENT = "tree-silent"
    TREE_VOID = "tree-void"
    TREE_NO_RECORD = "tree-no-record"
    TREE_DUPLICATE = "tree-duplicate"
    TREE_BAD_RECORD = "tree-bad-record"
    TREE_CYCLE = "tree-cycle"
    TREE_UNREAD = "tree-unread"
    # DKIM
    DKIM_NO_VERSION = "dkim-no-version"
    DKIM_VERSION_PLACE = "dkim-version-place"
    DKIM_NO_KEY = "dkim-no-key"
    DKIM_REVOKED = "dkim-revoked"
    DKIM_PEM = "dkim-pem"
    DKIM_BASE64 = "dkim-base64"
    DKIM_UNREADABLE = "dkim-unreadable"
    DKIM_OTHER_KEY = "dkim-other-key"
    DKIM_SHORT = "dkim-short"
    DKIM_WEAK = "dkim-weak"
    DKIM_LONG = "dkim-long"
    DKIM_ED25519_LENGTH = "dkim-ed25519-length"
    DKIM_UNKNOWN_TYPE = "dkim-unknown-type"
    DKIM_SHA1_ONLY = "dkim-sha1-only"
    DKIM_SHA1 = "dkim-sha1"
    DKIM_UNKNOWN_HASH = "dkim-unknown-hash"
    DKIM_SERVICE = "dkim-service"
    DKIM_TESTING = "dkim-testing"
    DKIM_STRICT = "dkim-strict"
    DKIM_UNKNOWN_FLAG = "dkim-unknown-flag"
    DKIM_GRANULARITY = "dkim-granularity"
    DKIM_SELECTORS = "dkim-selectors"
    DKIM_WILDCARD = "dkim-wildcard"
    DKIM_DUPLICATE = "dkim-duplicate"
    # DMARC
    DMARC_NO_POLICY = "dmarc-no-policy"
    DMARC_POLICY_NONE_TAKEN = "dmarc-policy-none-taken"
    DMARC_BAD_POLICY = "dmarc-bad-policy"
    DMARC_BAD_VALUE = "dmarc-bad-value"
    DMARC_GONE = "dmarc-gone"
    DMARC_NO_MAILTO = "dmarc-no-mailto"
    DMARC_BAD_URI = "dmarc-bad-uri"
    DMARC_SIZE = "dmarc-size"
    DMARC_BLIND = "dmarc-blind"
    DMARC_EXTERNAL = "dmarc-external"
    DMARC_EXTERNAL_DENIED = "dmarc-external-denied"
    DMARC_NONE = "dmarc-none"
    DMARC_TESTING = "dmarc-testing"
    DMARC_BELOW_WEAKER = "dmarc-below-weaker"
    DMARC_PSD = "dmarc-psd"
    DMARC_OPTIONS_UNUSED = "dmarc-options-unused"
    DMARC_POLICY_LATE = "dmarc-policy-late"
    DMARC_DUPLICATE = "dmarc-duplicate"
    DMARC_MISSING = "dmarc-missing"
    DMARC_INHERITED = "dmarc-inherited"
    # MTA-STS, TLS-RPT, BIMI
    STS_ID = "sts-id"
    STS_DUPLICATE = "sts-duplicate"
    STS_MISSING = "sts-missing"
    POLICY_LINE = "policy-line"
    POLICY_VERSION = "policy-version"
    POLICY_MODE = "policy-mode"
    POLICY_NO_MX = "policy-no-mx"
    POLICY_BAD_MX = "policy-bad-mx"
    POLICY_AGE = "policy-age"
    POLICY_AGE_SHORT = "policy-age-short"
    POLICY_TWICE = "policy-twice"
    POLICY_TESTING = "policy-testing"
    POLICY_WITHDRAWN = "policy-withdrawn"
    POLICY_FAULT = "policy-fault"
    POLICY_UNLISTED = "policy-unlisted"
    POLICY_UNKNOWN_KEY = "policy-unknown-key"
    TLSRPT_NO_ADDRESS = "tlsrpt-no-address"
    TLSRPT_BAD_URI = "tlsrpt-bad-uri"
    TLSRPT_DUPLICATE = "tlsrpt-duplicate"
    TLSRPT_MISSING = "tlsrpt-missing"
    BIMI_NO_LOGO = "bimi-no-logo"
    BIMI_BAD_URL = "bimi-bad-url"
    BIMI_NOT_SVG = "bimi-not-svg"
    BIMI_DECLINED = "bimi-declined"
    BIMI_NO_EVIDENCE = "bimi-no-evidence"
    # MX, SRV, TLSA, CAA
    FIELDS = "fields"
    NUMBER = "number"
    HOST_ADDRESS = "host-address"
    HOST_BAD = "host-bad"
    HOST_ONE_LABEL = "host-one-label"
    HOST_ALIAS = "host-alias"
    HOST_NO_ADDRESS = "host-no-address"
    HOST_PRIVATE = "host-private"
    MX_NULL = "mx-null"
    MX_NULL_PREFERENCE = "mx-null-preference"
    MX_NULL_NOT_ALONE = "mx-null-not-alone"
    MX_MISSING = "mx-missing"
    RECORD_TWICE = "record-twice"
    SRV_PORT = "srv-port"
    SRV_NOT_OFFERED = "srv-not-offered"
    TLSA_USAGE = "tlsa-usage"
    TLSA_USAGE_PKIX = "tlsa-usage-pkix"
    TLSA_AUTHORITY = "tlsa-authority"
    TLSA_SELECTOR = "tlsa-selector"
    TLSA_CERTIFICATE = "tlsa-certificate"
    TLSA_MATCHING = "tlsa-matching"
    TLSA_WHOLE = "tlsa-whole"
    TLSA_HEX = "tlsa-hex"
    TLSA_LENGTH = "tlsa-length"
    TLSA_UNSIGNED = "tlsa-unsigned"
    CAA_FLAGS = "caa-flags"
    CAA_TAG = "caa-tag"
    CAA_CRITICAL = "caa-critical"
    CAA_ISSUER = "caa-issuer"
    CAA_NOBODY = "caa-nobody"
    CAA_CONTACT = "caa-contact"
    CAA_MISSING = "caa-missing"
    # zone text
    ZONE_SYNTAX = "zone-syntax"
    ZONE_TYPE = "zone-type"
    ZONE_DIRECTIVE = "zone-directive"
    ZONE_NO_NAME = "zone-no-name"
    ZONE_RELATIVE = "zone-relative"
    ZONE_UNQUOTED = "zone-unquoted"
    ZONE_OPEN = "zone-open"
    ZONE_ALIAS_BESIDE = "zone-alias-beside"
    ZONE_TTLS = "zone-ttls"
    # the DNS
    DNS_NO_DOMAIN = "dns-no-domain"
    DNS_SILENT = "dns-silent"
    DNS_BOGUS = "dns-bogus"
    DNSSEC_ON = "dnssec-on"
    DNSSEC_OFF = "dnssec-off"
    DNSSEC_UNSEEN = "dnssec-unseen"


class Span(NamedTuple):
    """A place in a text, from a character up to but without another."""

    start: int
    end: int


NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; an empty span means the text as a whole. ``values`` fill the places of its sentence."""

    level: Level
    code: Code
    span: Span = NOWHERE
    values: Mapping[str, str] = field(default_factory=dict)


SHOWN = 120


def cut(text: str) -> str:
    """Return a text short enough to be shown in a sentence."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def error(code: Code, span: Span = NOWHERE, **values: object) -> Finding:
    """Return a finding that keeps the record from working."""
    return Finding(Level.ERROR, code, span, _texts(values))


def warning(code: Code, span: Span = NOWHERE, **values: object) -> Finding:
    """Return a finding that should be mended."""
    return Finding(Level.WARNING, code, span, _texts(values))


def note(code: Code, span: Span = NOWHERE, **values: object) -> Finding:
    """Return a finding that is good to know."""
    return Finding(Level.NOTE, code, span, _texts(values))


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: cut(str(value)) for name, value in values.items()}
