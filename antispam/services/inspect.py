"""All checks of one message side by side, then one verdict; every result goes into the trace with its answers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from antispam.authres import authentication_results, strip_foreign_results
from antispam.disposition.mailing_list import mailing_list_sign
from antispam.dkim.verify import DkimResult, verify_dkim
from antispam.dmarc.evaluate import evaluate_dmarc
from antispam.evidence import Envelope, Evidence
from antispam.services.consulting import consult
from antispam.services.results import method_results, tell, tell_verdict
from antispam.spf.evaluate import SpfResult, evaluate_spf
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
class Inspection:
    """The evidence, the verdict, the message without forged results, and our Authentication-Results field."""

    evidence: Evidence
    verdict: Verdict
    octets: bytes
    field: bytes


def author_domains(octets: bytes) -> list[str]:
    """Return the domains of the From field's addresses in A-labels, one entry for each address of each From."""
    values = values_of(read_block(octets).fields, b"from")
    return [envelope_domain(address) for value in values for address in author_addresses(value)]


async def inspect(
    octets: bytes,
    envelope: Envelope,
    resolver: NetworkResolver,
    hostname: str,
    trace: MessageTrace,
    recipients: Sequence[str] = (),
) -> Inspection:
    """Return the inspection of a message (CRLF line ends) to these forward paths and add its stages to the trace;
    never raises for a fault of the DNS or of the message.
    """
    consulted = await consult(await gather_evidence(octets, envelope, resolver, hostname, trace), recipients)
    evidence = consulted.evidence
    verdict = decide(evidence, consulted.tables, consulted.may_refuse)
    kept, removed = strip_foreign_results(octets, hostname)
    tell_verdict(trace, evidence, verdict, removed)
    field = authentication_results(hostname, method_results(evidence))
    return Inspection(evidence, verdict, kept, field)


async def gather_evidence(
    octets: bytes, envelope: Envelope, resolver: NetworkResolver, hostname: str, trace: MessageTrace
) -> Evidence:
    """Run every method, each with its share of the DNS budget, and add their stages to the trace."""
    shares = {name: BudgetedResolver(resolver, QUESTIONS // 3, CHECK_SECONDS) for name in ("spf", "dkim")}
    mail_from = _in_a_labels(envelope.mail_from)
    now = int(time.time())
    spf, dkim = await asyncio.gather(
        evaluate_spf(shares["spf"], envelope.client_address, mail_from, envelope.helo_name, hostname, now),
        verify_dkim(octets, shares["dkim"]),
    )
    passed_spf = spf.domain if spf.result is SpfResult.PASS else ""
    passed_dkim = [signature.domain for signature in dkim if signature.result is DkimResult.PASS]
    shares["dmarc"] = BudgetedResolver(resolver, QUESTIONS // 3, POLICY_SECONDS)
    dmarc = await evaluate_dmarc(shares["dmarc"], author_domains(octets), passed_spf, passed_dkim)
    evidence = Evidence(envelope, spf, dkim, dmarc, mailing_list_sign(read_block(octets).fields))
    tell(trace, evidence, {name: share.answers for name, share in shares.items()})
    return evidence


def _in_a_labels(mail_from: str) -> str:
    """Return the reverse path with its domain as the DNS and DMARC spell it (RFC 8616 section 4)."""
    domain = envelope_domain(mail_from)
    return f"{split_address(mail_from)[0]}@{domain}" if domain else mail_from
