"""What is known of one message from outside when it is judged: the dialogue's facts and each method's result.

A method adds one field. Evidence is never a verdict: ``antispam.verdict`` reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from antispam.arc.verify import ArcEvaluation, ArcResult
from antispam.author import Author
from antispam.dkim.verify import DkimSignature
from antispam.dmarc.evaluate import DmarcEvaluation, DmarcResult
from antispam.iprev import IprevResult
from antispam.spf.evaluate import SpfEvaluation, SpfResult
from mailboxes.addresses import envelope_domain

NO_CHAIN = ArcEvaluation(ArcResult.NONE, "there is no ARC chain")
NO_AUTHOR = Author(())


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the dialogue told: the client, its HELO name, the reverse path."""

    client_address: str
    helo_name: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The envelope and the results."""

    envelope: Envelope
    spf: SpfEvaluation
    dkim: Sequence[DkimSignature]
    dmarc: DmarcEvaluation
    arc: ArcEvaluation = NO_CHAIN
    iprev: IprevResult | None = None
    spf_helo: SpfEvaluation | None = None  # the HELO identity, where it says more than MAIL FROM does
    author: Author = NO_AUTHOR  # what From says beside its domain
    mailing_list: str = ""  # the sign of a mailing list, empty for none
    known_forwarder: str = ""  # whose valid signature says that it forwarded, empty for none
    known_network: bool | None = None  # whether good mail came from its network before; None when nobody asked

    @property
    def authenticated_domain(self) -> str:
        """The author domain when DMARC passed or an aligned SPF did, else empty."""
        aligned = any(entry.aligned for entry in self.dmarc.alignments)
        return self.dmarc.author_domain if self.dmarc.result is DmarcResult.PASS or aligned else ""

    @property
    def proves_sender(self) -> bool:
        """True when mail to the reverse path reaches no stranger: it belongs to the authenticated author's domain, or
        SPF passed for it as well.
        """
        if not self.authenticated_domain:
            return False
        domain = envelope_domain(self.envelope.mail_from)
        author = self.dmarc.organizational_domain or self.dmarc.author_domain
        own = domain == author or domain.endswith(f".{author}")
        return own or (self.spf.identity == "mailfrom" and self.spf.result is SpfResult.PASS)
