"""What speaks against a plain forgery when DMARC fails under ``reject``.

Signs of a detour are weighed in the order of their cost: what the message itself shows first, then the one question
that goes to our own database. A sign that nobody looked for counts as one: what is not known never refuses.
"""

from collections.abc import Sequence

from antispam.arc.verify import ArcResult
from antispam.dkim.policy import DkimResult
from antispam.evidence import Evidence
from antispam.spf.evaluate import SpfResult


def missing_answers(evidence: Evidence) -> Sequence[str]:
    """Return the checks that the DNS left without an answer, of those whose answer might have spoken for the message.

    The name of the client and of its HELO are no such checks: a forger leaves them without an answer at will.
    """
    missing = ["SPF"] if evidence.spf.result is SpfResult.TEMPERROR else []
    if any(signature.result is DkimResult.TEMPERROR for signature in evidence.dkim):
        missing.append("DKIM")
    if evidence.arc.result is ArcResult.TEMPERROR:
        missing.append("ARC")
    if evidence.dmarc.walk_failed:
        missing.append("DMARC")
    return missing


def signs_in_message(evidence: Evidence) -> Sequence[str]:
    """Return what the message itself shows of a forwarder or a mailing list, a clause each."""
    signs = []
    if evidence.mailing_list:
        signs.append(f"it came through a mailing list ({evidence.mailing_list})")
    if evidence.known_forwarder:
        signs.append(f"it is signed by the forwarder {evidence.known_forwarder}")
    if evidence.arc.trusted_sealer:
        signs.append(f"it is sealed by {evidence.arc.trusted_sealer}, which is trusted, and the ARC chain holds")
    return signs


def signs_of_detour(evidence: Evidence) -> Sequence[str]:
    """Return every sign, what is known of the network included."""
    signs = list(signs_in_message(evidence))
    if evidence.known_network:
        signs.append("good mail has come from its network before")
    elif evidence.known_network is None and not signs:
        signs.append("it is not known whether good mail has come from its network before")
    return signs
