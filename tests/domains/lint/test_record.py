"""What the linter says of single records: a row a rule, with the place it points to."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.lint.finding import Code, Kind, Level
from domains.lint.record import MAXIMUM_FINDINGS, lint_record, read_paste
from domains.lint.zone import lint_zone

E, W, N = Level.ERROR, Level.WARNING, Level.NOTE


def found(kind, text, name=""):
    """Every finding as (level, code, marked text)."""
    return [(row.level, row.code.value, text[row.span.start : row.span.end]) for row in lint_record(kind, text, name)]


SPF = [
    ("v=spf1 mx -all", []),
    ("v=spf1 ip4:192.0.2.0/24 include:_spf.example.net ~all", [(N, "spf-soft-all", "~all")]),
    ("v=spf1", [(W, "spf-no-all", "")]),
    ("v=spf1 redirect=_spf.example.net", []),
    ("v=spf1 -all", [(N, "spf-nobody", "-all")]),
    ("v=spf2 mx -all", [(E, "spf-version", "v=spf2")]),
    ("v=spf1mx -all", [(E, "spf-version", "v=spf1mx")]),
    ("v=spf1 mx +all", [(E, "spf-plus-all", "+all")]),
    ("v=spf1 mx all", [(E, "spf-plus-all", "all")]),
    ("v=spf1 mx ?all", [(W, "spf-neutral-all", "?all")]),
    ("v=spf1 -all mx", [(W, "spf-after-all", "mx")]),
    ("v=spf1 mx -all ~all", [(W, "spf-several-all", "~all")]),
    ("v=spf1 mx -all redirect=a.example", [(W, "spf-redirect-with-all", "redirect=a.example")]),
    ("v=spf1 ptr -all", [(W, "spf-ptr", "ptr")]),
    ("v=spf1 ip:192.0.2.1 -all", [(E, "spf-misspelt", "ip:192.0.2.1")]),
    ("v=spf1 inclued:a.example -all", [(E, "spf-misspelt", "inclued:a.example")]),
    ("v=spf1 192.0.2.1 -all", [(E, "spf-bare-address", "192.0.2.1")]),
    ("v=spf1 mail.example.org -all", [(E, "spf-bare-name", "mail.example.org")]),
    ("v=spf1 include: a.example -all", [(E, "spf-needs-domain", "include:"), (E, "spf-bare-name", "a.example")]),
    ("v=spf1 include=a.example -all", [(E, "spf-equals", "include=a.example")]),
    ("v=spf1 ip4:192.0.2.1, -all", [(E, "spf-comma", "ip4:192.0.2.1,")]),
    ("v=spf1 ip4:2001:db8::1 -all", [(E, "spf-other-family", "ip4:2001:db8::1")]),
    ("v=spf1 ip4:192.0.2.300 -all", [(E, "spf-bad-network", "ip4:192.0.2.300")]),
    ("v=spf1 ip4:192.0.2.0/33 -all", [(E, "spf-bad-prefix", "ip4:192.0.2.0/33")]),
    ("v=spf1 a:mail.example/40 -all", [(E, "spf-bad-prefix", "a:mail.example/40")]),
    ("v=spf1 a:localhost -all", [(E, "spf-bad-domain", "a:localhost")]),
    ("v=spf1 exists:%{x}.example -all", [(E, "spf-bad-macro", "exists:%{x}.example")]),
    ("v=spf1 exists:%{i}.example -all", [(N, "spf-macro", "exists:%{i}.example")]),
    ("v=spf1 mx -all;", [(E, "spf-all-takes-nothing", "-all;"), (W, "spf-no-all", "")]),
    ("v=spf1 mx 🙂 -all", [(E, "not-ascii", "🙂")]),
    ("v=spf1 mx –all", [(E, "not-ascii", "–")]),
    ("v=spf1 mx nonsense -all", [(E, "spf-unknown", "nonsense")]),
    ("v=spf1 mx note=x -all", [(N, "spf-unknown-modifier", "note=x")]),
    ("v=spf1 mx -all v=spf1", [(E, "spf-two-in-one", "v=spf1")]),
    ("v=spf1 exp=a.example exp=b.example -all", [(E, "spf-modifier-twice", "exp=b.example")]),
    ("v=spf1 mx MX -all", [(W, "spf-twice", "MX")]),
    ("v=spf1 ip4:0.0.0.0/1 -all", [(W, "spf-wide", "ip4:0.0.0.0/1")]),
    ("v=spf1 ip4:10.1.2.3 -all", [(W, "spf-private", "ip4:10.1.2.3")]),
    ("v=spf1 " + " ".join(f"a:h{n}.example" for n in range(11)) + " -all", [(E, "spf-lookups", "")]),
    ("v=spf1 mx -all\nx", [(E, "control", "\n")]),
    (" v=spf1 mx -all", [(E, "outer-space", " ")]),
    ('"v=spf1 mx -all"', [(E, "quotes", '"')]),
    ("", [(E, "empty", "")]),
    (" ", [(E, "empty", "")]),
    ("v=spf1 " + "mx " * 30_000, [(E, "too-long", "")]),
]


@pytest.mark.parametrize(("text", "expected"), SPF)
def test_spf(text, expected):
    assert found(Kind.SPF, text) == expected


def public(bits):
    key = rsa.generate_private_key(65537, bits)
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


KEY = public(2048)
ED = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"v=DKIM1; k=rsa; p={KEY}", []),
        (f"v=DKIM1; k=rsa; p={KEY[:200]} {KEY[200:]}", []),
        (f"v=DKIM1; k=ed25519; p={ED}", []),
        (f"p={KEY}", [(N, "dkim-no-version", "")]),
        (f"k=rsa; v=DKIM1; p={KEY}", [(E, "dkim-version-place", "v=DKIM1")]),
        (f"v=DKIM2; p={KEY}", [(E, "version", "v=DKIM2")]),
        ("v=DKIM1; p=", [(N, "dkim-revoked", "p=")]),
        ("v=DKIM1; k=rsa", [(E, "dkim-no-key", "")]),
        ("v=DKIM1; p=abc_def", [(E, "dkim-base64", "_")]),
        ("v=DKIM1; p=abcde", [(E, "dkim-base64", "abcde")]),
        ("v=DKIM1; p=MIIBIjANBg==", [(E, "dkim-unreadable", "MIIBIjANBg==")]),
        (f"v=DKIM1; p={ED}", [(E, "dkim-other-key", ED)]),
        (f"v=DKIM1; k=ed25519; p={KEY}", [(E, "dkim-ed25519-length", KEY)]),
        (f"v=DKIM1; k=dsa; p={KEY}", [(E, "dkim-unknown-type", "dsa")]),
        (f"v=DKIM1; h=sha1; p={KEY}", [(E, "dkim-sha1-only", "sha1")]),
        (f"v=DKIM1; h=sha1:sha256; p={KEY}", [(W, "dkim-sha1", "sha1")]),
        (f"v=DKIM1; h=sha256:md5; p={KEY}", [(W, "dkim-unknown-hash", "md5")]),
        (f"v=DKIM1; s=other; p={KEY}", [(E, "dkim-service", "s=other")]),
        (f"v=DKIM1; t=y:s; p={KEY}", [(W, "dkim-testing", "y"), (N, "dkim-strict", "s")]),
        (f"v=DKIM1; t=z; p={KEY}", [(N, "dkim-unknown-flag", "z")]),
        (f"v=DKIM1; g=; p={KEY}", [(W, "dkim-granularity", "g=")]),
        (f"v=DKIM1; p={KEY}; p=", [(E, "tag-twice", "p=")]),
        (f"v=DKIM1\\; p={KEY}", [(E, "tag-backslash", "\\")]),
        (f"v=DKIM1; nonsense; p={KEY}", [(E, "tag-syntax", "nonsense")]),
        (f"v=DKIM1; zz=1; p={KEY}", [(N, "tag-unknown", "zz=1")]),
        ("v=DKIM1; p=-----BEGIN PUBLIC KEY-----", [(E, "dkim-pem", "-----BEGIN PUBLIC KEY-----")]),
    ],
)
def test_dkim(text, expected):
    assert [row for row in found(Kind.DKIM, text) if row[1] != "long-string"] == expected


@pytest.mark.parametrize(("bits", "code"), [(1024, (W, "dkim-weak")), (8192, (W, "dkim-long"))])
def test_the_size_of_a_key(bits, code):
    if bits > 4096:
        number = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1)
        octets = number.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        text = base64.b64encode(octets).decode()
    else:
        text = public(bits)
    assert code in [row[:2] for row in found(Kind.DKIM, f"v=DKIM1; p={text}")]


def test_a_short_key_is_an_error():
    octets = base64.b64decode("MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu"
                              "KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==")  # fmt: skip
    text = base64.b64encode(octets).decode()
    assert (E, "dkim-short", text) in found(Kind.DKIM, f"v=DKIM1; p={text}")


def test_a_private_key_is_named_as_one():
    key = rsa.generate_private_key(65537, 1024)
    octets = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    text = f"v=DKIM1; p={base64.b64encode(octets).decode()}"
    assert "private-key" in [row[1] for row in found(Kind.DKIM, text)]


RUA = "rua=mailto:d@acme.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"v=DMARC1; p=reject; {RUA}", []),
        ("v=DMARC1; p=reject", [(N, "dmarc-blind", "")]),
        (f"v=DMARC1; p=none; {RUA}", [(N, "dmarc-none", "p=none")]),
        (f"p=none; v=DMARC1; {RUA}", [(E, "version", "v=DMARC1"), (N, "dmarc-none", "p=none")]),
        (f"v=dmarc1; p=reject; {RUA}", [(E, "version", "v=dmarc1")]),
        (f"v=DMARC1; {RUA}", [(W, "dmarc-policy-none-taken", "")]),
        ("v=DMARC1; sp=reject", [(E, "dmarc-no-policy", ""), (N, "dmarc-blind", "")]),
        (f"v=DMARC1; p=monitor; {RUA}", [(E, "dmarc-bad-policy", "monitor")]),
        (f"v=DMARC1; p=reject; sp=x; {RUA}", [(E, "dmarc-bad-policy", "x")]),
        (f"v=DMARC1; p=reject; pct=50; rf=afrf; ri=1; {RUA}",
         [(N, "dmarc-gone", "pct=50"), (N, "dmarc-gone", "rf=afrf"), (N, "dmarc-gone", "ri=1")]),
        (f"v=DMARC1; p=reject; adkim=x; {RUA}", [(W, "dmarc-bad-value", "x")]),
        (f"v=DMARC1; p=reject; t=y; {RUA}", [(N, "dmarc-testing", "t=y")]),
        (f"v=DMARC1; p=reject; np=reject; psd=n; {RUA}", []),
        (f"v=DMARC1; p=reject; psd=y; {RUA}", [(W, "dmarc-psd", "psd=y")]),
        (f"v=DMARC1; p=reject; sp=none; {RUA}", [(W, "dmarc-below-weaker", "sp=none")]),
        (f"v=DMARC1; {RUA}; p=reject", [(N, "dmarc-policy-late", "p=reject")]),
        ("v=DMARC1; p=reject; rua=d@acme.example", [(E, "dmarc-no-mailto", "d@acme.example")]),
        ("v=DMARC1; p=reject; rua=https://acme.example/", [(E, "dmarc-bad-uri", "https://acme.example/")]),
        ("v=DMARC1; p=reject; rua=mailto:a@x.example!10m,mailto:b@x.example",
         [(N, "dmarc-size", "mailto:a@x.example!10m")]),
        ("v=DMARC1; p=reject; rau=mailto:a@x.example",
         [(W, "tag-misspelt", "rau=mailto:a@x.example"), (N, "dmarc-blind", "")]),
        (f"v=DMARC1; p=reject; fo=1; {RUA}", [(N, "dmarc-options-unused", "fo=1")]),
        (f"v=DMARC1; p=reject; fo=9; ruf=mailto:a@x.example; {RUA}", [(W, "dmarc-bad-value", "9")]),
        ("v=DMARC1 p=reject",
         [(E, "version", "v=DMARC1 p=reject"), (E, "dmarc-no-policy", ""), (N, "dmarc-blind", "")]),
    ],
)  # fmt: skip
def test_dmarc(text, expected):
    assert sorted(found(Kind.DMARC, text)) == sorted(expected)


def test_dmarc_reports_to_another_domain_need_its_leave():
    text = "v=DMARC1; p=reject; rua=mailto:d@other.example"
    assert [row[1] for row in found(Kind.DMARC, text, "_dmarc.acme.example")] == ["dmarc-external"]
    assert found(Kind.DMARC, "v=DMARC1; p=reject; rua=mailto:d@acme.example", "_dmarc.sub.acme.example") == []


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Kind.DMARC_REPORT, "v=DMARC1;", []),
        (Kind.DMARC_REPORT, "yes", [(E, "tag-syntax", "yes"), (E, "version", "")]),
        (Kind.MTA_STS, "v=STSv1; id=20260101T1;", []),
        (Kind.MTA_STS, "v=STSv1; id=2026-01;", [(E, "sts-id", "id=2026-01")]),
        (Kind.MTA_STS, "v=STSv2; id=1;", [(E, "version", "v=STSv2")]),
        (Kind.MTA_STS_POLICY, "version: STSv1\r\nmode: enforce\r\nmx: *.acme.example\r\nmax_age: 604800\r\n", []),
        (Kind.MTA_STS_POLICY, "version: STSv1\nmode: enforce\nmx: a b\nmax_age: 60\n",
         [(E, "policy-bad-mx", "mx: a b"), (W, "policy-age-short", "max_age: 60")]),
        (Kind.MTA_STS_POLICY, "version: STSv1\nmode: on\nmx: a.example\nmax_age: x\n",
         [(E, "policy-mode", "mode: on"), (E, "policy-age", "max_age: x")]),
        (Kind.MTA_STS_POLICY, "version: STSv1\nmode: testing\nmax_age: 86400",
         [(E, "policy-no-mx", ""), (N, "policy-testing", "mode: testing")]),
        (Kind.MTA_STS_POLICY, "version=STSv1\nmode: none\nmode: none\nx: y\nmax_age: 86400",
         [(E, "policy-version", ""), (E, "policy-line", "version=STSv1"), (W, "policy-twice", "mode: none"),
          (N, "policy-withdrawn", "mode: none"), (N, "policy-unknown-key", "x: y")]),
        (Kind.TLS_RPT, "v=TLSRPTv1; rua=mailto:t@acme.example,https://r.example/x", []),
        (Kind.TLS_RPT, "v=TLSRPTv1; rua=ftp://x", [(E, "tlsrpt-bad-uri", "ftp://x")]),
        (Kind.TLS_RPT, "v=TLSRPTv1;", [(E, "tlsrpt-no-address", "")]),
        (Kind.BIMI, "v=BIMI1; l=https://acme.example/l.svg; a=https://acme.example/c.pem", []),
        (Kind.BIMI, "v=BIMI1; l=https://acme.example/l.svg; a=", [(N, "bimi-no-evidence", "")]),
        (Kind.BIMI, "v=BIMI1; l=http://acme.example/l.svg; a=https://acme.example/c.pem",
         [(E, "bimi-bad-url", "http://acme.example/l.svg")]),
        (Kind.BIMI, "v=BIMI1; l=https://acme.example/l.png; a=https://acme.example/c.pem",
         [(W, "bimi-not-svg", "https://acme.example/l.png")]),
        (Kind.BIMI, "v=BIMI1; l=; a=", [(N, "bimi-declined", "")]),
        (Kind.BIMI, "v=BIMI1", [(E, "bimi-no-logo", "")]),
        (Kind.MX, "10 mail.acme.example", []),
        (Kind.MX, "10 mail.acme.example.\n20 mail2.acme.example.", []),
        (Kind.MX, "mail.acme.example", [(E, "fields", "mail.acme.example")]),
        (Kind.MX, "99999 mail.acme.example", [(E, "number", "99999")]),
        (Kind.MX, "10 192.0.2.1", [(E, "host-address", "192.0.2.1")]),
        (Kind.MX, "10 [2001:db8::1]", [(E, "host-address", "[2001:db8::1]")]),
        (Kind.MX, "10 https://mail.example/", [(E, "host-bad", "https://mail.example/")]),
        (Kind.MX, "10 mail", [(W, "host-one-label", "mail")]),
        (Kind.MX, "0 .", [(N, "mx-null", "0 .")]),
        (Kind.MX, "10 .", [(W, "mx-null-preference", "10")]),
        (Kind.MX, "0 .\n10 a.example", [(E, "mx-null-not-alone", "0 .")]),
        (Kind.MX, "10 a.example\n20 a.example", [(W, "record-twice", "20 a.example")]),
        (Kind.SRV, "0 1 993 mail.acme.example", []),
        (Kind.SRV, "0 0 0 .", [(N, "srv-not-offered", ".")]),
        (Kind.SRV, "0 1 0 mail.acme.example", [(E, "srv-port", "0")]),
        (Kind.SRV, "0 1 993", [(E, "fields", "0 1 993")]),
        (Kind.TLSA, "3 1 1 " + "ab" * 32, []),
        (Kind.TLSA, "3 1 2 " + "ab" * 32, [(E, "tlsa-length", "ab" * 32)]),
        (Kind.TLSA, "3 1 1 " + "xy" * 32, [(E, "tlsa-hex", "xy" * 32)]),
        (Kind.TLSA, "1 1 1 " + "ab" * 32, [(E, "tlsa-usage-pkix", "1")]),
        (Kind.TLSA, "4 1 1 " + "ab" * 32, [(E, "tlsa-usage", "4")]),
        (Kind.TLSA, "2 1 1 " + "ab" * 32, [(N, "tlsa-authority", "2")]),
        (Kind.TLSA, "3 0 1 " + "ab" * 32, [(N, "tlsa-certificate", "0")]),
        (Kind.TLSA, "3 2 3 ab", [(E, "tlsa-selector", "2"), (E, "tlsa-matching", "3")]),
        (Kind.TLSA, "3 1 0 abcd", [(W, "tlsa-whole", "0")]),
        (Kind.TLSA, "3 1 1", [(E, "fields", "3 1 1")]),
        (Kind.CAA, '0 issue "ca.example.net"', []),
        (Kind.CAA, '0 issue "ca.example.net; accounturi=https://ca.example.net/a/1; validationmethods=dns-01"', []),
        (Kind.CAA, '0 issue ";"', [(N, "caa-nobody", ";")]),
        (Kind.CAA, '0 issue "https://ca.example.net"', [(E, "caa-issuer", "https://ca.example.net")]),
        (Kind.CAA, '0 issue "ca.example.net; nonsense"', [(E, "caa-issuer", "ca.example.net; nonsense")]),
        (Kind.CAA, '0 isue "ca.example.net"', [(W, "caa-tag", "isue")]),
        (Kind.CAA, '128 tbs "x"', [(E, "caa-critical", "tbs")]),
        (Kind.CAA, '1 issue "ca.example.net"', [(W, "caa-flags", "1")]),
        (Kind.CAA, '999 issue "ca.example.net"', [(E, "number", "999")]),
        (Kind.CAA, '0 iodef "me"', [(E, "caa-contact", "me")]),
        (Kind.CAA, "issue ca.example.net", [(E, "fields", "issue ca.example.net")]),
    ],
)  # fmt: skip
def test_other_kinds(kind, text, expected):
    assert sorted(found(kind, text)) == sorted(expected)


@pytest.mark.parametrize(
    ("kind", "name", "codes"),
    [
        (Kind.DMARC, "_dmarc.acme.example", []),
        (Kind.DMARC, "acme.example", ["name-place"]),
        (Kind.DMARC, "_dmarc.acme.example.acme.example", ["name-doubled"]),
        (Kind.DMARC, "_dmarc.bad name", ["name-bad"]),
        (Kind.DMARC, "_dmarc." + "a" * 64 + ".example", ["name-bad"]),
    ],
)
def test_names(kind, name, codes):
    text = "v=DMARC1; p=reject; rua=mailto:d@acme.example"
    assert [row[1] for row in found(kind, text, name) if row[1] != "dmarc-external"] == codes


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("v=spf1 -all", Kind.SPF, "v=spf1 -all"),
        (' "v=spf1 mx " "-all" \n', Kind.SPF, "v=spf1 mx -all"),
        ('"v=DMARC1\\; p=none"', Kind.DMARC, "v=DMARC1; p=none"),
        ("V=DMARC1; p=none", Kind.DMARC, "V=DMARC1; p=none"),
        ("k=rsa; p=" + "A" * 60, Kind.DKIM, "k=rsa; p=" + "A" * 60),
        ("version: STSv1\nmode: none", Kind.MTA_STS_POLICY, "version: STSv1\nmode: none"),
        ("v=TLSRPTv1; rua=mailto:a@b.example", Kind.TLS_RPT, "v=TLSRPTv1; rua=mailto:a@b.example"),
        ("10 mail.acme.example", Kind.MX, "10 mail.acme.example"),
        ("0 1 993 mail.acme.example.", Kind.SRV, "0 1 993 mail.acme.example."),
        ("3 1 1 abcdef", Kind.TLSA, "3 1 1 abcdef"),
        ('0 issue "x.example"', Kind.CAA, '0 issue "x.example"'),
        ("acme.example. 3600 IN MX 10 mail", Kind.ZONE, "acme.example. 3600 IN MX 10 mail"),
        ("@ TXT v=spf1 -all", Kind.ZONE, "@ TXT v=spf1 -all"),
        ("good morning", None, "good morning"),
        ("", None, ""),
    ],
)
def test_what_people_paste(text, kind, value):
    pasted = read_paste(text)
    assert (pasted.kind, pasted.text) == (kind, value)


@pytest.mark.parametrize("kind", list(Kind))
def test_hostile_text_gives_findings_in_bounds(kind):
    texts = [
        "\0", "\n" * 70_000, "v=spf1 " + "a" * 65_000 + "!", "v=spf1 a:x." + "a" * 65_000 + "!", "=;" * 30_000,
        "v=DKIM1; p=" + "A" * 65_000, "0 issue a" + " " * 60_000 + "b", '"' * 60_000, "(" * 60_000, "a " * 30_000,
        "v=spf1" + " +all" * 10_000, "\ud800", "x" * 300 + ".example", "v=DMARC1;" + "rua=," * 9_000, "1 " * 20_000,
        "a.b. IN TXT " + '"' * 9_999, "\\" * 60_000, "a IN MX 10 b\n" * 5_000, " \t" * 30_000 + "x",
    ]  # fmt: skip
    for text in texts:
        read_paste(text)
        rows = lint_zone(text) if kind is Kind.ZONE else lint_record(kind, text, "_dmarc.acme.example")
        assert rows
        assert len(rows) <= MAXIMUM_FINDINGS + 5


PIECES = st.sampled_from(
    [
        *(
            "v=spf1",
            "v=DKIM1",
            "v=DMARC1",
            "p=",
            "none",
            ";",
            " ",
            "\n",
            '"',
            "(",
            ")",
            "\\",
            "$ORIGIN",
            "IN",
            "TXT",
            "MX",
        ),
        *(
            "CNAME",
            "TLSA",
            "CAA",
            "SRV",
            "10",
            "mail.acme.org",
            ".",
            "@",
            "\0",
            "🙂",
            "rua=mailto:",
            "a@b.c",
            "include:",
        ),
        *("%{i}", "/24", "ip4:", "!10m", "version:", "STSv1", "mode: ", "xn--a", "-all", "=", ",", "\\# 1 ff", "SOA"),
    ]
)
LISTS = st.lists(PIECES, max_size=40)
TEXTS = st.one_of(st.text(max_size=300), LISTS.map("".join), LISTS.map(" ".join))


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS)
def test_any_text_gives_findings_or_nothing(text, name):
    read_paste(text)
    for kind in Kind:
        rows = lint_zone(text, name) if kind is Kind.ZONE else lint_record(kind, text, name)
        for row in rows:
            assert row.code in Code
            assert 0 <= row.span.start <= row.span.end <= len(text) + 1
