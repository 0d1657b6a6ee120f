"""Who a stream is: a table that people labelled, the precision over it, and what a forger can never reach."""

from collections import Counter
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.reports.classify import Catalogue, Correction, PatternFacts, Stream, classify
from domains.reports.forwarders import FORWARDERS
from domains.reports.kinds import Kind
from domains.spf.services import BY_SLUG
from domains.spf.sources import KnownSender, of_service, unlisted
from tests.domains.reports.labelled import TABLE

OWN = KnownSender("mail.acme.example", "acme.example", (ip_network("192.0.2.25"), ip_network("2001:db8::25")))
OFFICE = KnownSender("Office", "acme.example", (ip_network("198.51.100.0/24"),), (), ("desk",))
SERVICES = tuple(of_service(BY_SLUG[slug], "acme.example") for slug in ("mailchimp", "google-workspace"))
SENDERS = (OFFICE, *SERVICES, *unlisted(frozenset({"mailchimp", "google-workspace"})))
CATALOGUE = Catalogue("acme.example", OWN, SENDERS)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _signature(text: str) -> dict[str, str]:
    domain, _, selector = text.lstrip("!").partition("/")
    return {"domain": domain, "selector": selector, "result": "fail" if text.startswith("!") else "pass"}


def _reason(word: str) -> dict[str, str]:
    return {"type": "local_policy", "comment": "arc=pass"} if word == "arc" else {"type": word, "comment": ""}


def _read(line: str) -> tuple[str, Stream, str]:
    kind, address, aligned, envelopes, signatures, reverse, reasons, why = (part.strip() for part in line.split("|"))
    pattern = PatternFacts(
        "acme.example",
        "",
        tuple(map(_signature, _split(signatures))),
        tuple({"domain": name, "scope": "mfrom", "result": "pass"} for name in _split(envelopes)),
        tuple(map(_reason, _split(reasons))),
    )
    verified = bool(reverse) and not reverse.startswith("~")
    return kind, Stream(address, "d" in aligned, "s" in aligned, 10, (pattern,), reverse.lstrip("~"), verified), why


ROWS = [_read(line) for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(("kind", "stream", "why"), ROWS, ids=[f"{row[0]}: {row[2]}" for row in ROWS])
def test_a_stream_is_called_what_a_person_calls_it(kind, stream, why):
    found = classify(stream, CATALOGUE)
    assert found.kind == kind, why
    assert found.evidence, "every class has its reason"


def test_the_table_is_read_whole_and_every_class_stands_in_it():
    assert len({(row[1].source_ip, row[2]) for row in ROWS}) == len(ROWS) >= 150
    assert set(Counter(row[0] for row in ROWS)) == {kind.value for kind in Kind}


def test_precision_and_recall_by_class(record_property):
    judged = [(kind, classify(stream, CATALOGUE).kind.value) for kind, stream, _why in ROWS]
    for kind in Kind:
        right = judged.count((kind.value, kind.value))
        precision = right / sum(found == kind for _, found in judged)
        recall = right / sum(said == kind for said, _ in judged)
        record_property(kind.value, f"precision {precision:.3f}, recall {recall:.3f}")
        assert (precision, recall) == (1.0, 1.0), kind


@pytest.mark.parametrize(("kind", "stream", "why"), [row for row in ROWS if row[0] == "service-misaligned"])
def test_a_mistake_comes_with_what_to_mend(kind, stream, why):
    fix = classify(stream, CATALOGUE).fix
    assert fix is not None
    assert fix.code.startswith("align-")


def test_the_exact_records_are_named():
    chimp = next(stream for kind, stream, _ in ROWS if kind == "service-misaligned" and "mcsv" in str(stream))
    fix = classify(chimp, CATALOGUE).fix
    assert fix is not None
    assert fix.as_json()["records"].startswith("k1._domainkey.acme.example, k2._domainkey.acme.example")


def test_what_an_administrator_said_wins():
    said = Correction(ip_network("203.0.113.200"), Kind.OWN, "Attic", "alice@acme.example")
    found = classify(Stream("203.0.113.200", False, False, 1, ()), Catalogue("acme.example", OWN, SENDERS, (said,)))
    assert (found.kind, found.sender, found.evidence[0].code) == (Kind.OWN, "Attic", "correction")


names = st.sampled_from(
    [
        "acme.example",
        "mcsv.net",
        "gmail.com",
        "evil.example",
        "a.acme.example",
        "sendgrid.net",
        "lists.debian.org",
        "",
    ]
)
results = st.sampled_from(["pass", "fail", "none"])
claims = st.builds(
    PatternFacts,
    st.just("acme.example"),
    names,
    st.lists(
        st.fixed_dictionaries(
            {"domain": names, "selector": st.sampled_from(["k2", "desk", "m1"]), "result": results}
        ),
        max_size=3,
    ).map(tuple),
    st.lists(st.fixed_dictionaries({"domain": names, "scope": st.just("mfrom"), "result": results}), max_size=2).map(
        tuple
    ),
    st.lists(st.fixed_dictionaries({"type": st.sampled_from(["other", "forwarded"])}), max_size=1).map(tuple),
)


@given(st.lists(claims, max_size=3).map(tuple), names)
def test_without_an_aligned_pass_nobody_is_a_right_sender(patterns, reverse):
    """Whatever a forger calls himself, from an address that is not ours and whose name does not lead back."""
    found = classify(Stream("203.0.113.66", False, False, 5, patterns, reverse, False), CATALOGUE)
    assert found.kind not in (Kind.OWN, Kind.ALIGNED)


@given(st.lists(claims, max_size=3).map(tuple), names, st.booleans(), st.booleans())
def test_what_passes_is_never_an_impostor(patterns, reverse, dkim, spf):
    if dkim or spf:
        assert classify(Stream("203.0.113.66", dkim, spf, 5, patterns, reverse), CATALOGUE).kind != Kind.IMPOSTOR


def test_the_forwarders_are_well_written():
    known = [name for one in FORWARDERS for name in one.domains]
    assert len(known) == len(set(known))
    every = [name for one in FORWARDERS for name in (*one.domains, *one.reverse_names)]
    assert all(name == name.lower() and "." in name and not name.startswith(".") for name in every)
    assert {one.kind for one in FORWARDERS} == {"provider", "forwarder", "list"}


@pytest.mark.parametrize(("kind", "stream", "why"), ROWS, ids=[f"{row[0]}: {row[2]}" for row in ROWS])
def test_the_owner_of_the_network_is_evidence_and_changes_no_class(kind, stream, why):
    owned = classify(replace(stream, network_owner="Example Net (AS64500)"), CATALOGUE)
    assert owned.kind == classify(stream, CATALOGUE).kind == kind, why
    said = [one.values for one in owned.evidence if one.code == "network-of"]
    assert said in ([], [{"name": "Example Net (AS64500)"}])
    assert said or kind == "own"


def test_mail_that_both_records_prove_is_called_by_its_network_when_nothing_else_names_it():
    stream = Stream("203.0.113.77", True, True, 9, (), network_owner="Example Net (AS64500)")
    assert classify(stream, CATALOGUE).sender == "Example Net (AS64500)"
    named = replace(stream, reverse_name="mail.host.example", reverse_verified=True)
    assert classify(named, CATALOGUE).sender == "mail.host.example"
    assert classify(replace(stream, dkim_aligned=False), CATALOGUE).sender == ""
