"""Evidence as others read it: the methods of Authentication-Results, and the stages of the trace."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from antispam.authres import MethodResult
from antispam.disposition.stored import judgement_detail
from antispam.dkim.verify import DkimResult
from antispam.evidence import Evidence
from antispam.verdict import Verdict
from domains.dns.port import Answer
from domains.trace import MessageTrace

STEPS_KEPT = 60


def method_results(evidence: Evidence) -> list[MethodResult]:
    """Return the results as RFC 8601 section 2.7 names them."""
    envelope, spf, dmarc = evidence.envelope, evidence.spf, evidence.dmarc
    named = "smtp.mailfrom" if spf.identity == "mailfrom" else "smtp.helo"
    value = envelope.mail_from if spf.identity == "mailfrom" else envelope.helo_name
    results = [MethodResult("spf", spf.result.value, spf.reason, [(named, value)])]
    for signature in evidence.dkim:
        named_by = {"header.d": signature.domain, "header.s": signature.selector, "header.a": signature.algorithm}
        results.append(MethodResult("dkim", signature.result.value, signature.reason, list(named_by.items())))
    properties = [("header.from", dmarc.author_domain), ("policy.dmarc", dmarc.policy)]
    results.append(MethodResult("dmarc", dmarc.result.value, dmarc.reason, properties))
    return results


def tell(trace: MessageTrace, evidence: Evidence, answers: Mapping[str, Sequence[Answer]]) -> None:
    """Add one stage for each method; ``answers`` holds what each asked of the DNS, by stage."""
    _tell_spf(trace, evidence, answers.get("spf", ()))
    _tell_dkim(trace, evidence, answers.get("dkim", ()))
    _tell_dmarc(trace, evidence, answers.get("dmarc", ()))


def _tell_spf(trace: MessageTrace, evidence: Evidence, answers: Sequence[Answer]) -> None:
    spf = evidence.spf
    steps = [asdict(step) for step in spf.steps[:STEPS_KEPT]]
    detail = {"domain": spf.domain, "identity": spf.identity, "lookups": spf.lookups, "steps": steps}
    if spf.explanation:
        detail["explanation"] = spf.explanation
    trace.add("spf", spf.result.value, spf.reason, detail, answers)


def _tell_dkim(trace: MessageTrace, evidence: Evidence, answers: Sequence[Answer]) -> None:
    dkim = evidence.dkim
    good = next((signature for signature in dkim if signature.result is DkimResult.PASS), None)
    shown = good or (dkim[0] if dkim else None)
    outcome, reason = (shown.result.value, shown.reason) if shown else ("none", "there is no signature")
    trace.add("dkim", outcome, reason, {"signatures": [asdict(signature) for signature in dkim]}, answers)


def _tell_dmarc(trace: MessageTrace, evidence: Evidence, answers: Sequence[Answer]) -> None:
    dmarc = evidence.dmarc
    detail = {
        "author_domain": dmarc.author_domain,
        "author_domains": list(dmarc.author_domains),
        "organizational_domain": dmarc.organizational_domain,
        "policy_domain": dmarc.policy_domain,
        "policy": dmarc.policy,
        "alignments": [asdict(entry) for entry in dmarc.alignments],
        "steps": [asdict(step) for step in dmarc.steps],
    }
    trace.add("dmarc", dmarc.result.value, dmarc.reason, detail, answers)


def tell_verdict(trace: MessageTrace, evidence: Evidence, verdict: Verdict, removed: int) -> None:
    """Add the decision, the rows tried, the signs that were weighed, and how many forged results were taken out."""
    judged = judgement_detail(evidence, verdict) | {"forged_results_removed": removed}
    trace.add("verdict", verdict.disposition.value, f"By the row {verdict.row}.", judged)
