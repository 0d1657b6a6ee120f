"""All checks of one message side by side, then one verdict; every result goes into the trace with its answers."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from antispam.arc.verify import ArcEvaluation, ArcResult, verify_arc
from antispam.author import read_author
from antispam.authres import authentication_results, strip_foreign_results
from antispam.disposition.mailing_list import mailing_list_sign
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import Computed, DkimSignature, compute_here, read_message, verify_dkim
from antispam.dmarc.evaluate import evaluate_dmarc
from antispam.evidence import Envelope, Evidence
from antispam.iprev import evaluate_iprev
from antispam.services.consulting import consult
from antispam.services.results import method_results, tell, tell_verdict
from antispam.spf.evaluate import SpfEvaluation, SpfResult, evaluate_spf
from antispam.verdict import Verdict, decide
from domains.dns.port import Answer
from domains.dns.resolver import BudgetedResolver, NetworkResolver
from domains.octets import Octets
from domains.trace import MessageTrace
from mailboxes.addresses import envelope_domain, split_address
from mailboxes.mime.headers import read_block

# At most 50 questions and 20 s a message: first what is asked side by side, then DMARC, whose share and time are its
# own, so that a slow sender cannot buy a temperror.
QUESTIONS = {"spf": 18, "helo": 4, "iprev": 4, "dkim": 5, "arc": 5}
POLICY_QUESTIONS = 14
IN_LOOP_OCTETS = 256 * 1024
CHECK_SECONDS = 12.0
POLICY_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """The evidence, the verdict, the message without forged results, and our Authentication-Results field."""

    evidence: Evidence
    verdict: Verdict
    octets: Octets
    field: bytes


async def inspect(
    octets: Octets,
    envelope: Envelope,
    resolver: NetworkResolver,
    hostname: str,
    trace: MessageTrace,
    recipients: Sequence[str] = (),
) -> Inspection:
    """Return the inspection of a message (CRLF line ends) to these forward paths and add its stages to the trace;
    never raises for a fault of the DNS or of the message.
    """
    evidence, answers = await gather_evidence(octets, envelope, resolver, hostname)
    consulted = await consult(evidence, recipients)
    evidence = consulted.evidence
    tell(trace, evidence, answers)
    verdict = decide(evidence, consulted.tables, consulted.may_refuse)
    kept, removed = strip_foreign_results(octets, hostname)
    tell_verdict(trace, evidence, verdict, removed)
    field = authentication_results(hostname, method_results(evidence))
    return Inspection(evidence, verdict, kept, field)


async def gather_evidence(
    octets: Octets, envelope: Envelope, resolver: NetworkResolver, hostname: str
) -> tuple[Evidence, dict[str, list[Answer]]]:
    """Run every method, each with its share of the DNS budget; returns what each asked as well."""
    shares = {name: BudgetedResolver(resolver, most, CHECK_SECONDS) for name, most in QUESTIONS.items()}
    (spf, helo), iprev, (dkim, arc) = await asyncio.gather(
        _evaluate_spf(shares, envelope, hostname),
        evaluate_iprev(shares["iprev"], envelope.client_address),
        _verify_signatures(octets, shares),
    )
    passed_spf = spf.domain if spf.result is SpfResult.PASS else ""
    passed_dkim = [signature.domain for signature in dkim if signature.result is DkimResult.PASS]
    shares["dmarc"] = BudgetedResolver(resolver, POLICY_QUESTIONS, POLICY_SECONDS)
    block = read_block(octets)
    author = read_author(block)
    dmarc = await evaluate_dmarc(shares["dmarc"], author.domains, passed_spf, passed_dkim, author.problem)
    listed = mailing_list_sign(block.fields)
    evidence = Evidence(envelope, spf, dkim, dmarc, arc, iprev, helo, author, mailing_list=listed)
    return evidence, {name: share.answers for name, share in shares.items()}


async def _evaluate_spf(
    shares: Mapping[str, BudgetedResolver], envelope: Envelope, hostname: str
) -> tuple[SpfEvaluation, SpfEvaluation | None]:
    """Evaluate MAIL FROM, and the HELO name beside it when it is another domain (RFC 7208 section 2.3)."""
    mail_from, helo, now = _in_a_labels(envelope.mail_from), envelope.helo_name, int(time.time())
    spf = await evaluate_spf(shares["spf"], envelope.client_address, mail_from, helo, hostname, now)
    name = helo.lower().removesuffix(".")
    if spf.identity == "helo" or name == spf.domain or "." not in name or name.startswith("["):
        return spf, None
    return spf, await evaluate_spf(shares["helo"], envelope.client_address, "", helo, hostname, now)


async def _verify_signatures(
    octets: Octets, shares: Mapping[str, BudgetedResolver]
) -> tuple[list[DkimSignature], ArcEvaluation]:
    """Verify the DKIM signatures, then the ARC chain, which shares the hash of the body with them."""
    message = read_message(octets)
    if isinstance(message, DkimSignature):
        return [message], ArcEvaluation(ArcResult.FAIL, message.reason)
    compute = compute_here if len(octets) <= IN_LOOP_OCTETS else _compute_aside
    dkim = await verify_dkim(message, shares["dkim"], compute)
    return dkim, await verify_arc(message, shares["arc"], compute)


async def _compute_aside(work: Callable[[], Computed]) -> Computed:
    """Compute in a thread: hashing lets the other sessions run."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


def _in_a_labels(mail_from: str) -> str:
    """Return the reverse path with its domain as the DNS and DMARC spell it (RFC 8616 section 4)."""
    domain = envelope_domain(mail_from)
    return f"{split_address(mail_from)[0]}@{domain}" if domain else mail_from
