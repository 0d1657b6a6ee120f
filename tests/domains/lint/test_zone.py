"""Zone text: lines found, slips told, each record judged as one of its kind."""

import pytest

from domains.lint.finding import Level
from domains.lint.zone import lint_zone

E, W, N = Level.ERROR, Level.WARNING, Level.NOTE


def found(text, zone=""):
    """Every finding but notes, as (line, code)."""
    rows = lint_zone(text, zone)
    return sorted((text.count("\n", 0, row.span.start) + 1, row.code.value) for row in rows if row.level is not N)


GOOD = """\
$ORIGIN acme.example.
$TTL 3600
; what mail needs
@            IN SOA ns.acme.example. hostmaster.acme.example. ( 1 3600
                 600 86400 ; expire
                 60 )
@       3600 IN MX 10 mail
             IN TXT "v=spf1 mx -all"
_dmarc       IN TXT ( "v=DMARC1; p=reject; "
                      "rua=mailto:dmarc@acme.example" )
mail         IN A 192.0.2.25
_25._tcp.mail IN TLSA 3 1 1 abababababababababababababababababababababababababababababababab
_imaps._tcp  IN SRV 0 1 993 mail
www          CNAME @
sub.deep     60 TXT "anything at all"
"""


def test_a_zone_in_order_has_nothing_against_it():
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme.example. IN MX 10 mail.acme.example.", []),
        ("acme.example IN MX 10 mail.acme.example.", [(1, "zone-relative")]),
        ("$ORIGIN acme.example.\nacme.example MX 10 mail", [(2, "zone-relative")]),
        ("$ORIGIN acme.example.\n@ MX 10 mail.acme.example", [(2, "zone-relative")]),
        ("$ORIGIN acme.example.\n@ MX 10 mail.other.example", [(2, "zone-relative")]),
        ("$ORIGIN acme.example\n@ MX 10 mail", [(1, "zone-relative")]),
        ("a.example. IN TXT v=DMARC1; p=none", [(1, "name-place"), (1, "zone-unquoted")]),
        ("a.example. IN TXT v=spf1 mx -all", [(1, "zone-unquoted")]),
        ("a.example. IN TXT single-token", []),
        ('a.example. IN TXT "v=spf1 mx +all"', [(1, "spf-plus-all")]),
        ('a.example. IN TXT "v=spf1 mx -all"\na.example. IN TXT "v=spf1 a -all"', [(2, "spf-duplicate")]),
        ('a.example. IN SPF "v=spf1 mx -all"\na.example. IN TXT "v=spf1 mx -all"', [(1, "spf-type")]),
        ('_dmarc.a.example. TXT "v=DMARC1; p=none"\n_dmarc.a.example. TXT "v=DMARC1; p=reject"',
         [(2, "dmarc-duplicate")]),
        ("a.example. IN CNAME b.example.\na.example. IN A 192.0.2.1", [(1, "zone-alias-beside")]),
        ("a.example. MX 10 m.example.\nm.example. CNAME b.example.", [(1, "host-alias")]),
        ("a.example. MX 0 .\na.example. MX 10 m.example.", [(1, "mx-null-not-alone")]),
        ("a.example. A 192.0.2.1\na.example. A 192.0.2.1", [(2, "record-twice")]),
        ("a.example. 60 A 192.0.2.1\na.example. 70 A 192.0.2.2", [(2, "zone-ttls")]),
        ("a.example. IN A 192.0.2.999", [(1, "zone-syntax")]),
        ("a.example. IN NOSUCH x", [(1, "zone-type")]),
        ("a.example. IN", [(1, "zone-syntax")]),
        ("  IN A 192.0.2.1", [(1, "zone-no-name")]),
        ('\n\na.example. IN TXT "open\nb.example. IN A 192.0.2.1', [(3, "zone-open")]),
        ('a.example. IN TXT ( "x"', [(1, "zone-open")]),
        ("$INCLUDE /etc/passwd", []),
        (f'a.example. IN TXT "{"x" * 256}"', [(1, "zone-syntax")]),
        (f"{'a' * 64}.example. IN A 192.0.2.1", [(1, "name-bad")]),
        ("_dmarc.a.example.a.example. IN TXT \"v=DMARC1; p=none\"", [(1, "name-doubled")]),
        ("_dmarc.a.example. IN TXT \"hello\"", [(1, "dmarc-no-policy"), (1, "tag-syntax"), (1, "version")]),
        ("a.example. CAA 0 issue \"ca.example.net\"\na.example. CAA 0 isue \"x\"", [(2, "caa-tag")]),
    ],
)  # fmt: skip
def test_slips(text, expected):
    assert found(text) == expected


def test_a_finding_marks_its_piece_in_the_line():
    text = 'acme.example. IN TXT "v=spf1 mx ptr +all"'
    marked = {row.code.value: text[row.span.start : row.span.end] for row in lint_zone(text)}
    assert marked == {"spf-plus-all": "+all", "spf-ptr": "ptr"}


def test_the_zone_may_be_told():
    assert found("@ MX 10 mail\nmail A 192.0.2.1", "acme.example") == []


def test_nothing_is_opened_for_an_include(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x A 192.0.2.1")
    (row,) = lint_zone(f"$INCLUDE {secret}")
    assert (row.code.value, row.level) == ("zone-directive", N)
