"""All checks of one message side by side, then one verdict; every result goes into the trace with its answers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from antispam.authres import MethodResult, authentication_results, strip_foreign_results
from antispam.dkim.verify import DkimResult, DkimSignature, verify_dkim
from antispam.dmarc.evaluate import DmarcEvaluation, DmarcResult, evaluate_dmarc
from antispam.spf.evaluate import SpfEvaluation, SpfResult, evaluate_spf
from antispam.verdict import Verdict, decide
from domains.dns.resolver import BudgetedResolver, NetworkResolver
from domains.trace import MessageTrace
from mailboxes.addresses import author_addresses, envelope_domain, split_address
from mailboxes.mime.headers import read_block, values_of

QUESTIONS = 50
# SPF and DKIM, then DMARC: 20 s together. DMARC's share is its own, so that a slow sender cannot buy a temperror.
CHECK_SECONDS = 12.0
POLICY_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the dialogue told: the client, its HELO name, the reverse path."""

    client_address: str
    helo_name: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """The results, the verdict, the message without forged results, and our Authentication-Results field."""

    spf: SpfEvaluation
    dkim: Sequence[DkimSignature]
    dmarc: DmarcEvaluation
    verdict: Verdict
    octets: bytes
    field: bytes

    @property
    def authenticated_domain(self) -> str:
        """The author domain when DMARC passed or an aligned SPF did, else empty."""
        aligned = any(entry.aligned for entry in self.dmarc.alignments)
        return self.dmarc.author_domain if self.dmarc.result is DmarcResult.PASS or aligned else ""


def author_domains(octets: bytes) -> list[str]:
    """Return the domains of the From field's addresses in A-labels, one entry for each address of each From."""
    values = values_of(read_block(octets).fields, b"from")
    return [envelope_domain(address) for value in values for address in author_addresses(value)]


async def inspect(
    octets: bytes, envelope: Envelope, resolver: NetworkResolver, hostname: str, trace: MessageTrace
) -> Inspection:
    """Return the inspection of a message (CRLF line ends) and add its stages to the trace; never raises for a fault
    of the DNS or of the message.
    """
    lookups = [BudgetedResolver(resolver, QUESTIONS // 3, CHECK_SECONDS) for _ in range(2)]
    mail_from = _in_a_labels(envelope.mail_from)
    spf, dkim = await asyncio.gather(
        evaluate_spf(lookups[0], envelope.client_address, mail_from, envelope.helo_name, hostname, int(time.time())),
        verify_dkim(octets, lookups[1]),
    )
    passed_spf = spf.domain if spf.result is SpfResult.PASS else ""
    passed_dkim = [signature.domain for signature in dkim if signature.result is DkimResult.PASS]
    lookups.append(BudgetedResolver(resolver, QUESTIONS // 3, POLICY_SECONDS))
    dmarc = await evaluate_dmarc(lookups[2], author_domains(octets), passed_spf, passed_dkim)
    verdict = decide(spf, dkim, dmarc)
    kept, removed = strip_foreign_results(octets, hostname)
    field = authentication_results(hostname, method_results(spf, dkim, dmarc, envelope))
    _tell(trace, spf, dkim, dmarc, verdict, removed, lookups)
    return Inspection(spf, dkim, dmarc, verdict, kept, field)


def _in_a_labels(mail_from: str) -> str:
    """Return the reverse path with its domain as the DNS and DMARC spell it (RFC 8616 section 4)."""
    domain = envelope_domain(mail_from)
    return f"{split_address(mail_from)[0]}@{domain}" if domain else mail_from


def method_results(
    spf: SpfEvaluation, dkim: Sequence[DkimSignature], dmarc: DmarcEvaluation, envelope: Envelope
) -> list[MethodResult]:
    """Return the results as RFC 8601 section 2.7 names them."""
    named = "smtp.mailfrom" if spf.identity == "mailfrom" else "smtp.helo"
    value = envelope.mail_from if spf.identity == "mailfrom" else envelope.helo_name
    results = [MethodResult("spf", spf.result.value, spf.reason, [(named, value)])]
    for signature in dkim:
        named_by = {"header.d": signature.domain, "header.s": signature.selector, "header.a": signature.algorithm}
        results.append(MethodResult("dkim", signature.result.value, signature.reason, list(named_by.items())))
    properties = [("header.from", dmarc.author_domain), ("policy.dmarc", dmarc.policy)]
    results.append(MethodResult("dmarc", dmarc.result.value, dmarc.reason, properties))
    return results


def _tell(
    trace: MessageTrace,
    spf: SpfEvaluation,
    dkim: Sequence[DkimSignature],
    dmarc: DmarcEvaluation,
    verdict: Verdict,
    removed: int,
    lookups: Sequence[BudgetedResolver],
) -> None:
    """Add one stage for each method and one for the verdict."""
    steps = [asdict(step) for step in spf.steps[:60]]
    trace.add("spf", spf.result.value, spf.reason, {"domain": spf.domain, "steps": steps}, lookups[0].answers)
    good = next((signature for signature in dkim if signature.result is DkimResult.PASS), None)
    shown = good or (dkim[0] if dkim else None)
    trace.add(
        "dkim",
        shown.result.value if shown else "none",
        shown.reason if shown else "there is no signature",
        {"signatures": [asdict(signature) for signature in dkim]},
        lookups[1].answers,
    )
    detail = {
        "author_domain": dmarc.author_domain,
        "organizational_domain": dmarc.organizational_domain,
        "policy_domain": dmarc.policy_domain,
        "policy": dmarc.policy,
        "alignments": [asdict(entry) for entry in dmarc.alignments],
        "steps": [asdict(step) for step in dmarc.steps],
    }
    trace.add("dmarc", dmarc.result.value, dmarc.reason, detail, lookups[2].answers)
    judged = {"row": verdict.row, "reasons": list(verdict.reasons), "forged_results_removed": removed}
    trace.add("verdict", verdict.disposition.value, f"By the row {verdict.row}.", judged)
