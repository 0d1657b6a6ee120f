"""BIMI assertion records (draft-brand-indicators-for-message-identification): the logo of a domain. Pure.

Mail programs show the logo beside mail that passes a DMARC policy which asks for something, so what keeps them from
it is said here too. Which URLs may stand in a record is decided here alone; none is fetched.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from domains.dmarc.record import PolicyRecord
from domains.names import DomainName
from domains.taglist import BadTagList, parse_tag_list, serialise_tag_list

SELECTOR = "default"
URL_OCTETS = 500
_LOGO_ENDINGS = (".svg", ".svgz")


class BadBimiRecord(ValueError):
    """The text is not a BIMI record; ``str()`` says why."""


class UrlFault(StrEnum):
    """Why a URL cannot stand in the record."""

    CHARACTERS = "characters"  # too long, or a character that has to be encoded
    HTTPS = "https"  # not an https URL of a host with a name
    SVG = "svg"  # the logo is not an SVG file by its name


class Caution(StrEnum):
    """What keeps the logo from being shown."""

    POLICY = "policy"  # p=none
    SUBDOMAINS = "subdomains"  # sp=none
    TESTING = "testing"  # t=y
    SHARE = "share"  # the published record has pct below 100
    NO_CERTIFICATE = "no-certificate"  # Gmail and Apple ask for one


@dataclass(frozen=True, slots=True)
class BimiRecord:
    """``logo_url`` is the tag l, ``certificate_url`` the tag a: a mark certificate that vouches for the logo."""

    logo_url: str
    certificate_url: str = ""


def is_bimi_record(text: str) -> bool:
    """True when the text begins as a BIMI record does: ``v=BIMI1`` first."""
    name, separator, rest = text.partition("=")
    return bool(separator) and name.strip(" \t") == "v" and rest.partition(";")[0].strip(" \t") == "BIMI1"


def parse_bimi_record(text: str) -> BimiRecord:
    """Return the record, unknown tags left out; raises BadBimiRecord."""
    if not is_bimi_record(text):
        raise BadBimiRecord("it does not begin with v=BIMI1")
    try:
        tags = parse_tag_list(text)
    except BadTagList as error:
        raise BadBimiRecord(str(error)) from error
    return BimiRecord(tags.get("l", ""), tags.get("a", ""))


def serialise_bimi_record(record: BimiRecord) -> str:
    """Return the TXT value."""
    tags = {"v": "BIMI1", "l": record.logo_url}
    return serialise_tag_list(tags | ({"a": record.certificate_url} if record.certificate_url else {}))


def fault_of_url(url: str, logo: bool) -> UrlFault | None:
    """Return why the URL cannot stand in the record; a comma and a semicolon separate there, so they are encoded."""
    if len(url) > URL_OCTETS or not url.isascii() or not url.isprintable() or set(url) & set(' ;,"\\<>'):
        return UrlFault.CHARACTERS
    try:
        parts = urlsplit(url)
        named = bool(DomainName(parts.hostname or "").ascii) and parts.port != 0
    except ValueError:
        return UrlFault.HTTPS
    if parts.scheme.lower() != "https" or not named or parts.username is not None or parts.fragment:
        return UrlFault.HTTPS
    return UrlFault.SVG if logo and not parts.path.lower().endswith(_LOGO_ENDINGS) else None


def cautions(record: BimiRecord, policy: PolicyRecord, published: str = "") -> Iterator[Caution]:
    """Give what keeps the logo from being shown under a policy; ``published`` is the DMARC record that was seen."""
    if policy.policy == "none":
        yield Caution.POLICY
    elif policy.subdomain_policy == "none":
        yield Caution.SUBDOMAINS
    if policy.testing:
        yield Caution.TESTING
    if _share(published) != "100":
        yield Caution.SHARE
    if not record.certificate_url:
        yield Caution.NO_CERTIFICATE


def _share(text: str) -> str:
    try:
        return parse_tag_list(text).get("pct", "100")
    except BadTagList:
        return "100"
