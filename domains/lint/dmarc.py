"""DMARC records (RFC 9989 section 4.7), and the leaves under ``_report._dmarc`` (RFC 9990 section 4)."""

import re
from collections.abc import Iterator

from domains.dmarc.record import GONE, POLICIES
from domains.lint.finding import Code, Finding, error, note, warning
from domains.lint.tags import Tag, TagText, check_unknown, check_version, read_tags, split_places

_KNOWN = ("v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "rua", "ruf", "t")
_CHOICES = {"adkim": ("r", "s"), "aspf": ("r", "s"), "t": ("y", "n"), "psd": ("y", "n", "u")}
_OPTIONS = ("0", "1", "d", "s")
_STRENGTH = {policy: strength for strength, policy in enumerate(POLICIES)}
_ADDRESS = re.compile(r"[^@\s<>,;]{1,320}@(?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{1,63}")
_SIZE = re.compile(r"![0-9]+[kmgt]?\Z", re.IGNORECASE)


def lint_dmarc(text: str, name: str = "") -> Iterator[Finding]:
    """Yield what is to be said of the DMARC record at a name, which may be unknown."""
    found = read_tags(text)
    yield from found.findings
    yield from check_version(found, "DMARC1")
    yield from check_unknown(found, (*_KNOWN, *GONE))
    yield from _policies(found)
    for tag, allowed in _CHOICES.items():
        if tag in found.tags and found.value(tag).lower() not in allowed:
            place, value = found.tags[tag].value_span, found.value(tag)
            yield warning(Code.DMARC_BAD_VALUE, place, tag=tag, value=value, allowed=", ".join(allowed))
    for tag in GONE:
        if tag in found.tags:
            yield note(Code.DMARC_GONE, found.tags[tag].span, tag=tag)
    yield from _reports(found, name)
    yield from _meanings(found)


def lint_report_leave(text: str) -> Iterator[Finding]:
    """Yield what is to be said of the record by which a domain agrees to receive another one's reports."""
    found = read_tags(text)
    yield from found.findings
    yield from check_version(found, "DMARC1")
    if "rua" in found.tags:
        yield from _uris(found.tags["rua"])


def _has_reports(found: TagText) -> bool:
    return "rua" in found.tags and not any(True for _ in _uris_wrong(found.tags["rua"]))


def _uris_wrong(tag: Tag) -> Iterator[Finding]:
    return (finding for finding in _uris(tag) if finding.code is not Code.DMARC_SIZE)


def _policies(found: TagText) -> Iterator[Finding]:
    if "p" not in found.tags:
        if _has_reports(found):
            yield warning(Code.DMARC_POLICY_NONE_TAKEN)
        else:
            yield error(Code.DMARC_NO_POLICY)
    elif list(found.tags).index("p") > 1:
        yield note(Code.DMARC_POLICY_LATE, found.tags["p"].span)
    for tag in ("p", "sp", "np"):
        if tag in found.tags and found.value(tag).lower() not in POLICIES:
            place = found.tags[tag].value_span
            yield error(Code.DMARC_BAD_POLICY, place, tag=tag, value=found.value(tag), allowed=", ".join(POLICIES))


def _reports(found: TagText, name: str) -> Iterator[Finding]:
    for tag in ("rua", "ruf"):
        if tag in found.tags:
            yield from _uris(found.tags[tag])
    if "rua" not in found.tags:
        yield note(Code.DMARC_BLIND)
    domain = name.lower().removesuffix(".").removeprefix("_dmarc.")
    for receiver in external_receivers(found, domain) if domain else ():
        yield note(Code.DMARC_EXTERNAL, found.tags["rua"].value_span, name=receiver, domain=domain)


def external_receivers(found: TagText, domain: str) -> list[str]:
    """Return the domains outside this one that reports go to, each once."""
    if "rua" not in found.tags:
        return []
    uris = (item.partition("!")[0].lower() for item, _place in split_places(found.tags["rua"], ","))
    hosts = [uri.rpartition("@")[2] for uri in uris if uri.startswith("mailto:") and _ADDRESS.fullmatch(uri[7:])]
    outside = (host for host in hosts if host != domain and not host.endswith(f".{domain}"))
    return [host for host in dict.fromkeys(outside) if not domain.endswith(f".{host}")]


def _uris(tag: Tag) -> Iterator[Finding]:
    for item, place in split_places(tag, ","):
        uri = _SIZE.sub("", item)
        if not uri.lower().startswith("mailto:"):
            bare = _ADDRESS.fullmatch(uri)
            yield error(Code.DMARC_NO_MAILTO if bare else Code.DMARC_BAD_URI, place, tag=tag.name, value=item)
        elif not _ADDRESS.fullmatch(uri[7:]):
            yield error(Code.DMARC_BAD_URI, place, tag=tag.name, value=item)
        elif uri != item:
            yield note(Code.DMARC_SIZE, place, value=item[len(uri) :])


def _meanings(found: TagText) -> Iterator[Finding]:
    policy = found.value("p").lower()
    if policy == "none":
        yield note(Code.DMARC_NONE, found.tags["p"].span)
    below = found.value("sp").lower()
    if _STRENGTH.get(below, 9) < _STRENGTH.get(policy, 0):
        yield warning(Code.DMARC_BELOW_WEAKER, found.tags["sp"].span, policy=policy, below=below)
    if found.value("t").lower() == "y":
        yield note(Code.DMARC_TESTING, found.tags["t"].span)
    if found.value("psd").lower() == "y":
        yield warning(Code.DMARC_PSD, found.tags["psd"].span)
    if "fo" in found.tags:
        for option, place in split_places(found.tags["fo"], ":"):
            if option.lower() not in _OPTIONS:
                yield warning(Code.DMARC_BAD_VALUE, place, tag="fo", value=option, allowed=", ".join(_OPTIONS))
        if "ruf" not in found.tags:
            yield note(Code.DMARC_OPTIONS_UNUSED, found.tags["fo"].span)
