"""DMARC policy records (RFC 9989 section 4.7): read generously, written strictly.

``pct``, ``rf`` and ``ri`` are gone: they are accepted with a warning and never written. Unknown tags are ignored.
"""

from dataclasses import dataclass, field

from domains.taglist import BadTagList, parse_tag_list, serialise_tag_list

POLICIES = ("none", "quarantine", "reject")
GONE = ("pct", "rf", "ri")
_STEP_DOWN = {"reject": "quarantine", "quarantine": "none", "none": "none"}


class BadPolicyRecord(ValueError):
    """The text is not a DMARC record; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """One record. ``psd`` is ``y``, ``n`` or ``u``; ``warnings`` are sentences for the domain's owner."""

    policy: str = "none"
    subdomain_policy: str = ""
    nonexistent_policy: str = ""
    dkim_alignment: str = "r"
    spf_alignment: str = "r"
    testing: bool = False
    psd: str = "u"
    rua: tuple[str, ...] = ()
    ruf: tuple[str, ...] = ()
    failure_options: str = "0"
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def policy_for(self, subdomain: bool, exists: bool) -> str:
        """Return the policy in force for the author domain, before ``t=y`` steps it down (section 4.7)."""
        if not subdomain:
            return self.policy
        below = self.subdomain_policy or self.policy
        return below if exists else self.nonexistent_policy or below

    def applied(self, policy: str) -> str:
        """Return the policy to apply: one step lower while ``t=y``."""
        return _STEP_DOWN[policy] if self.testing else policy


def is_policy_record(text: str) -> bool:
    """True when the text begins as a DMARC record does: ``v=DMARC1`` first."""
    name, separator, rest = text.partition("=")
    return bool(separator) and name.strip(" \t") == "v" and rest.partition(";")[0].strip(" \t") == "DMARC1"


def parse_policy_record(text: str) -> PolicyRecord:
    """Return the record; raises BadPolicyRecord when it is not one or has no usable policy."""
    if not is_policy_record(text):
        raise BadPolicyRecord("it does not begin with v=DMARC1")
    try:
        tags = parse_tag_list(text)
    except BadTagList as error:
        raise BadPolicyRecord(str(error)) from error
    warnings = [f"{tag}= is no longer part of DMARC and is ignored" for tag in GONE if tag in tags]
    policy = _policy(tags, warnings)
    return PolicyRecord(
        policy=policy,
        subdomain_policy=_choice(tags, "sp", POLICIES, "", warnings),
        nonexistent_policy=_choice(tags, "np", POLICIES, "", warnings),
        dkim_alignment=_choice(tags, "adkim", ("r", "s"), "r", warnings),
        spf_alignment=_choice(tags, "aspf", ("r", "s"), "r", warnings),
        testing=_choice(tags, "t", ("y", "n"), "n", warnings) == "y",
        psd=_choice(tags, "psd", ("y", "n", "u"), "u", warnings),
        rua=_addresses(tags.get("rua", "")),
        ruf=_addresses(tags.get("ruf", "")),
        failure_options=tags.get("fo", "0"),
        warnings=tuple(warnings),
    )


def _policy(tags: dict[str, str], warnings: list[str]) -> str:
    """Return ``p``; without a valid one a record with ``rua`` counts as ``none``, another is no record."""
    policy = tags.get("p", "").lower()
    if policy in POLICIES:
        return policy
    if not _addresses(tags.get("rua", "")):
        raise BadPolicyRecord("p= is missing or not one of none, quarantine, reject, and there is no rua=")
    warnings.append("p= is missing or not one of none, quarantine, reject: none is taken")
    return "none"


def _choice(tags: dict[str, str], tag: str, allowed: tuple[str, ...], default: str, warnings: list[str]) -> str:
    value = tags.get(tag, default).lower()
    if value in allowed or value == default:
        return value
    warnings.append(f"{tag}={value[:20]} is not one of {', '.join(allowed)} and is ignored")
    return default


def _addresses(text: str) -> tuple[str, ...]:
    uris = (item.strip().partition("!")[0] for item in text.split(","))
    return tuple(uri[7:] for uri in uris if uri.lower().startswith("mailto:"))


def serialise_policy_record(record: PolicyRecord) -> str:
    """Return the TXT value with the tags that differ from their default, in the order of the RFC."""
    tags = {"v": "DMARC1", "p": record.policy}
    optional = {
        "sp": record.subdomain_policy,
        "np": record.nonexistent_policy,
        "t": "y" if record.testing else "",
        "psd": "" if record.psd == "u" else record.psd,
        "adkim": "s" if record.dkim_alignment == "s" else "",
        "aspf": "s" if record.spf_alignment == "s" else "",
        "rua": ",".join(f"mailto:{address}" for address in record.rua),
        "ruf": ",".join(f"mailto:{address}" for address in record.ruf),
        "fo": record.failure_options if record.ruf and record.failure_options != "0" else "",
    }
    return serialise_tag_list(tags | {tag: value for tag, value in optional.items() if value})


def tree_walk_names(domain: str) -> list[str]:
    """Return the names to ask in order, at most eight (RFC 9989 section 4.10)."""
    labels = domain.split(".")
    names = [domain]
    rest = labels[1:] if len(labels) < 8 else labels[-7:]
    while rest:
        names.append(".".join(rest))
        rest = rest[1:]
    return names
