"""Mail is found by the domain of its author and by each above it, up to the organizational domain."""

import pytest

from domains.redaction import kept_terms
from domains.trace import MessageTrace
from domains.trace_terms import author_names

NAMES = [
    ("acme.example", ("acme.example", "acme.example"), ["acme.example"], "the organizational domain itself"),
    ("a.acme.example", ("acme.example", ""), ["a.acme.example", "acme.example"], "one below it"),
    ("a.b.acme.example", ("a.b.acme.example", "acme.example"), ["a.b.acme.example", "b.acme.example", "acme.example"],
     "without any record the older method tells"),
    ("acme.co.example", ("acme.co.example", "co.example"), ["acme.co.example", "co.example"], "the highest counts"),
    ("acme.example", ("other.example",), ["acme.example"], "no name above it"),
    ("notacme.example", ("acme.example",), ["notacme.example"], "only the same letters"),
    ("", ("",), [""], "no author"),
    ("h.g.f.e.d.c.b.a.z.example", ("z.example",),
     ["h.g.f.e.d.c.b.a.z.example", "g.f.e.d.c.b.a.z.example", "f.e.d.c.b.a.z.example", "e.d.c.b.a.z.example",
      "d.c.b.a.z.example", "c.b.a.z.example", "b.a.z.example", "z.example"], "eight at most"),
]  # fmt: skip


@pytest.mark.parametrize(("author", "organizational", "names", "why"), NAMES)
def test_the_names_above_an_author(author, organizational, names, why):
    assert author_names(author, *organizational) == names, why


def test_a_trace_is_found_by_its_author_and_stays_so():
    trace = MessageTrace("in", mail_from="x@bounce.example", recipients=["bob@near.example"])
    trace.add("dmarc", "pass", "", {"author_domain": "a.acme.example", "organizational_domain": "acme.example"})
    terms = trace.as_row()[9]
    assert [term for term in terms if term[0] == "^"] == ["^a.acme.example", "^acme.example"]
    assert {"^a.acme.example", "^acme.example"} <= set(kept_terms(terms))
    assert not [term for term in MessageTrace("out", mail_from="a@b.example").as_row()[9] if term[0] == "^"]
    assert kept_terms(["^bob@far.example", "~bob@far.example", "@far.example"]) == ["@far.example"]
