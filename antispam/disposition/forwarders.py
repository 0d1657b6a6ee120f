"""Domains that pass on other people's mail and sign what they pass on.

A valid signature of one of them says who changed the route, so that a DMARC failure may be innocent. Each one is
here because its signature stands on every message that it forwards and it keeps the author's From. A domain of ours
adds its own on its page.
"""

from collections.abc import Iterable, Sequence

from antispam.dkim.verify import DkimResult, DkimSignature

KNOWN_FORWARDERS = frozenset(
    {
        "cloudflare-email.net",  # Cloudflare Email Routing
        "forwardemail.net",  # Forward Email
        "freelists.org",
        "googlegroups.com",  # Google Groups
        "groups.io",
        "ietf.org",
        "lists.sourceforge.net",
    }
)


def known_forwarder(signatures: Sequence[DkimSignature], added: Iterable[str] = ()) -> str:
    """Return the first domain with a valid signature that is a known forwarder or below one, else empty."""
    known = KNOWN_FORWARDERS.union(added)
    for signature in signatures:
        if signature.result is DkimResult.PASS and _is_within(signature.domain.lower(), known):
            return signature.domain.lower()
    return ""


def _is_within(domain: str, known: frozenset[str]) -> bool:
    labels = domain.split(".")
    return any(".".join(labels[place:]) in known for place in range(len(labels) - 1))
