"""Domains that pass on other people's mail and sign what they pass on.

A valid signature of one of them says who changed the route, so that a DMARC failure may be innocent. Each one is
here because its signature stands on every message that it forwards and it keeps the author's From. A domain of ours
adds its own on its page.
"""

from collections.abc import Iterable, Sequence

from antispam.arc.verify import ArcEvaluation
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import DkimSignature

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


# Who seals what passes through (ARC) and verifies it first: mail forwarded by their users, and their lists.
TRUSTED_SEALERS = KNOWN_FORWARDERS | {
    "google.com",  # Gmail and Google Workspace
    "microsoft.com",  # Microsoft 365 and Outlook.com
}


def trusted_sealer(arc: ArcEvaluation, added: Iterable[str] = ()) -> str:
    """Return the domain that sealed last, when the chain holds and the domain is trusted or below one, else empty."""
    sealer = arc.last_sealer
    return sealer if sealer and _is_within(sealer, TRUSTED_SEALERS.union(added)) else ""


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
