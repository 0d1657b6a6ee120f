"""What is missing and what is too much, in the units of each kind."""

import pytest

from domains.dns.difference import difference

SPF = "v=spf1 mx ip4:192.0.2.25 -all"
DMARC = "v=DMARC1; p=none; rua=mailto:r@acme.example"
KEY = "v=DKIM1; k=rsa; p=abc"
MX = "10 mail.acme.example"
TABLE = [
    ("spf", "TXT", SPF, ["v=spf1 include:x.example -all"], ["mx", "ip4:192.0.2.25"], [], "further senders"),
    ("spf", "TXT", SPF, ["v=spf1 +mx ip4:192.0.2.25/32 ~all"], [], [], "the same in other words"),
    ("spf", "TXT", SPF, ["v=spf1 mx ipv4:192.0.2.25 -all"], [], ["ipv4:192.0.2.25"], "the term that is an error"),
    ("spf", "TXT", "v=spf1 -all", ["v=spf1 mx -all"], [], ["mx"], "no senders at all"),
    ("dmarc", "TXT", DMARC, ["v=DMARC1; p=reject; rua=mailto:r@acme.example"], ["p=none"], ["p=reject"], "p"),
    ("dmarc", "TXT", DMARC, ["v=DMARC1;p=NONE;rua=mailto:R@acme.example!10m"], [], [], "case and size limit"),
    ("dmarc", "TXT", DMARC, ["nonsense"], ["v=DMARC1", "p=none", "mailto:r@acme.example"], [], "no record"),
    ("dkim", "TXT", KEY, ["v=DKIM1; k=rsa; p=xyz"], ["p=abc"], ["p=xyz"], "by tags"),
    ("dkim", "TXT", KEY + "d" * 60, [KEY + "d" * 20], ["d" * 40], [], "cut"),
    ("mx", "MX", MX, ["5 old.example", "20 MAIL.acme.example"], [], ["old.example"], "preference"),
    ("srv", "SRV", "0 1 993 m.example", ["0 1 143 m.example"], ["993 m.example"], ["143 m.example"], "port"),
    ("ptr", "PTR", "mail.example", ["Dyn.example"], ["mail.example"], ["Dyn.example"], "as a whole"),
    ("ptr", "PTR", "mail.example", [], [], [], "nothing seen"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("purpose", "rdtype", "wanted", "found", "missing", "extra", "why"),
    TABLE,
    ids=[f"{row[0]}: {row[6]}" for row in TABLE],
)
def test_differences(purpose, rdtype, wanted, found, missing, extra, why):
    seen = difference(purpose, rdtype, wanted, found)
    assert (list(seen.missing), list(seen.extra)) == (missing, extra)


def test_a_long_hostile_text_costs_little():
    text = "v=spf1 " + "a " * 20_000
    assert difference("spf", "TXT", SPF, [text]).missing
    assert difference("dkim", "TXT", KEY, ["p=;" * 20_000]).missing
