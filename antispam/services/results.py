"""Evidence as others read it: the methods of Authentication-Results, and the stages of the trace."""

from collections.abc import Mapping, Sequence

from antispam.arc.verify import ArcEvaluation, ArcResult
from antispam.authres import MethodResult, received_spf
from antispam.disposition.stored import judgement_detail
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import DkimSignature
from antispam.dmarc.evaluate import DmarcResult
from antispam.evidence import Evidence
from antispam.spf.evaluate import SpfEvaluation
from antispam.verdict import Verdict
from domains.dns.port import Answer
from domains.trace import MessageTrace

STEPS_KEPT = 60
TEXT_KEPT = 1000  # of one foreign text
BEGINNING = 8  # of a signature, which tells it from others (RFC 8601 section 2.7.1)


def method_results(evidence: Evidence) -> list[MethodResult]:
    """Return the results as RFC 8601 section 2.7 and RFC 8617 section 10.2 name them."""
    envelope, spf, dmarc, arc = evidence.envelope, evidence.spf, evidence.dmarc, evidence.arc
    results = []
    if evidence.iprev is not None:
        properties = [("policy.iprev", envelope.client_address), ("policy.ptr", evidence.iprev.name)]
        results.append(MethodResult("iprev", evidence.iprev.result.value, evidence.iprev.reason, properties))
    named = ("smtp.mailfrom", envelope.mail_from) if spf.identity == "mailfrom" else ("smtp.helo", envelope.helo_name)
    results.append(MethodResult("spf", spf.result.value, spf.reason, [named]))
    if (helo := evidence.spf_helo) is not None:
        results.append(MethodResult("spf", helo.result.value, helo.reason, [("smtp.helo", envelope.helo_name)]))
    results += [_signature_result(signature) for signature in evidence.dkim]
    if arc.result is not ArcResult.NONE:
        oldest = str(arc.oldest_pass) if arc.result is ArcResult.PASS else ""
        properties = [("header.oldest-pass", oldest), ("smtp.remote-ip", envelope.client_address)]
        results.append(MethodResult("arc", arc.result.value, arc.reason, properties))
    properties = [("header.from", dmarc.author_domain), ("policy.dmarc", dmarc.policy)]
    return [*results, MethodResult("dmarc", dmarc.result.value, dmarc.reason, properties)]


def spf_field(evidence: Evidence, receiver: str) -> bytes:
    """Return the Received-SPF field of the identity that counts for DMARC."""
    envelope, spf = evidence.envelope, evidence.spf
    pairs = [("receiver", receiver), ("identity", spf.identity), ("client-ip", envelope.client_address)]
    pairs += [("envelope-from", envelope.mail_from), ("helo", envelope.helo_name)]
    return received_spf(receiver, spf.result.value, spf.reason, pairs)


def _signature_result(signature: DkimSignature) -> MethodResult:
    named_by = {"header.d": signature.domain, "header.s": signature.selector, "header.a": signature.algorithm}
    named_by["header.b"] = signature.tags.get("b", "")[:BEGINNING]
    return MethodResult("dkim", signature.result.value, signature.reason, list(named_by.items()))


def tell(trace: MessageTrace, evidence: Evidence, answers: Mapping[str, Sequence[Answer]]) -> None:
    """Add one stage for each method; ``answers`` holds what each asked of the DNS, by stage."""
    if evidence.iprev is not None:
        found = evidence.iprev
        trace.add("iprev", found.result.value, found.reason, {"name": found.name}, answers.get("iprev", ()))
    _tell_spf(trace, evidence, [*answers.get("spf", ()), *answers.get("helo", ())])
    _tell_dkim(trace, evidence, answers.get("dkim", ()))
    if evidence.arc.result is not ArcResult.NONE:
        _tell_arc(trace, evidence.arc, answers.get("arc", ()))
    _tell_dmarc(trace, evidence, answers.get("dmarc", ()))


def _tell_spf(trace: MessageTrace, evidence: Evidence, answers: Sequence[Answer]) -> None:
    spf, helo = evidence.spf, evidence.spf_helo
    detail: dict[str, object] = {"domain": spf.domain, "identity": spf.identity, "lookups": spf.lookups}
    detail |= {"explanation": spf.explanation} if spf.explanation else {}
    detail["steps"] = _steps(spf)
    if helo is not None:
        told = {"domain": helo.domain, "result": helo.result.value, "reason": helo.reason, "steps": _steps(helo)}
        detail["helo"] = told
    trace.add("spf", spf.result.value, spf.reason, detail, answers)


def _steps(spf: SpfEvaluation) -> list[dict[str, object]]:
    return [
        {
            "depth": step.depth,
            "domain": step.domain,
            "term": step.term[:TEXT_KEPT],
            "matched": step.matched,
            "note": step.note[:TEXT_KEPT],
        }
        for step in spf.steps[:STEPS_KEPT]
    ]


def _tell_dkim(trace: MessageTrace, evidence: Evidence, answers: Sequence[Answer]) -> None:
    dkim = evidence.dkim
    good = next((signature for signature in dkim if signature.result is DkimResult.PASS), None)
    shown = good or (dkim[0] if dkim else None)
    outcome, reason = (shown.result.value, shown.reason) if shown else ("none", "there is no signature")
    trace.add("dkim", outcome, reason, {"signatures": [_signature(one) for one in dkim]}, answers)


def _signature(signature: DkimSignature) -> dict[str, object]:
    return {
        "result": signature.result.value,
        "reason": signature.reason,
        "domain": signature.domain,
        "selector": signature.selector,
        "algorithm": signature.algorithm,
        "bits": signature.bits,
        "testing": signature.testing,
        "warning": signature.warning,
        "tags": signature.tags,
    }


def _tell_arc(trace: MessageTrace, arc: ArcEvaluation, answers: Sequence[Answer]) -> None:
    sets = [
        {
            "instance": one.instance,
            "domain": one.domain,
            "selector": one.selector,
            "algorithm": one.algorithm,
            "cv": one.cv,
            "seal": one.seal.value,
            "message": one.message.value,
            "reason": one.reason,
            "results": one.results,
        }
        for one in arc.sets
    ]
    detail = {"sets": sets, "oldest_pass": arc.oldest_pass, "trusted_sealer": arc.trusted_sealer}
    trace.add("arc", arc.result.value, arc.reason, detail, answers)


def _tell_dmarc(trace: MessageTrace, evidence: Evidence, answers: Sequence[Answer]) -> None:
    dmarc = evidence.dmarc
    alignments = [
        {"mechanism": one.mechanism, "domain": one.domain, "aligned": one.aligned, "mode": one.mode, "note": one.note}
        for one in dmarc.alignments
    ]
    detail: dict[str, object] = {
        "author_domain": dmarc.author_domain,
        "author_domains": list(dmarc.author_domains),
        "author_problem": dmarc.reason if dmarc.result is DmarcResult.PERMERROR else "",
        "organizational_domain": dmarc.organizational_domain,
        "policy_domain": dmarc.policy_domain,
        "policy": dmarc.policy,
        "record": next((step.found for step in dmarc.steps if step.name == dmarc.policy_domain), "")[:TEXT_KEPT],
        "psl_organizational_domain": dmarc.psl_organizational_domain,
        "alignments": alignments,
        "steps": [
            {"name": step.name, "found": step.found[:TEXT_KEPT], "note": step.note[:TEXT_KEPT]}
            for step in dmarc.steps
        ],
    }
    detail |= {"author_shown": list(evidence.author.shown)} if evidence.author.shown else {}
    trace.add("dmarc", dmarc.result.value, dmarc.reason, detail, answers)


def tell_verdict(trace: MessageTrace, evidence: Evidence, verdict: Verdict, removed: int) -> None:
    """Add the decision, the rows tried, the signs that were weighed, and how many forged results were taken out."""
    judged = judgement_detail(evidence, verdict) | {"forged_results_removed": removed}
    trace.add("verdict", verdict.disposition.value, f"By the row {verdict.row}.", judged)
