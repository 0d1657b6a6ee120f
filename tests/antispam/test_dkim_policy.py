"""DKIM verification: what the policy refuses, what the DNS does, what hostile signatures cost."""

import ast
import base64
import subprocess
import sys
import time
from functools import lru_cache
from hashlib import sha256

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import verify_dkim
from domains.dkim import canonical
from domains.dkim.canonical import body_digest, relaxed_body, relaxed_headers, select_fields, simple_body
from domains.dkim.keys import generate_key, load_key
from domains.dkim.sign import LoadedKey, sign
from domains.dns.zone import ZoneResolver
from domains.octets import MappedOctets
from tests.factories import make_message

NAME = "s._domainkey.acme.example"


@lru_cache(maxsize=8)
def rsa_key(bits):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def record(key):
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def signed(octets, bits=2048, **options):
    """Signed as others do it, with the library itself."""
    options = {"include_headers": [b"from", b"subject"], "canonicalize": (b"relaxed", b"relaxed")} | options
    return bytes(dkim.DKIM(octets).sign(b"s", b"acme.example", rsa_key(bits), **options)) + octets


async def verified(octets, zone=None, **faults):
    return await verify_dkim(octets, ZoneResolver(zone or {(NAME, "TXT"): [record(rsa_key(2048))]}, **faults))


async def test_a_good_signature_passes():
    (found,) = await verified(signed(make_message()))
    assert (found.result, found.domain, found.selector, found.bits) == (DkimResult.PASS, "acme.example", "s", 2048)
    assert found.warning == ""


async def test_without_a_signature_the_result_is_none():
    (found,) = await verified(make_message())
    assert found.result is DkimResult.NONE


@pytest.mark.parametrize("headers", [b"relaxed", b"simple"])
@pytest.mark.parametrize("body", [b"relaxed", b"simple"])
async def test_every_canonicalisation(headers, body):
    octets = make_message("a  b \t\r\n\r\nc\r\n\r\n")
    (found,) = await verified(signed(octets, canonicalize=(headers, body)))
    assert found.result is DkimResult.PASS


@pytest.mark.parametrize(
    ("bits", "result", "warned"), [(512, "policy", False), (1024, "pass", True), (2048, "pass", False)]
)
async def test_short_keys(bits, result, warned):
    if bits < 1024:
        octets = signed(make_message())
        zone = {(NAME, "TXT"): [SHORT]}
    else:
        octets, zone = signed(make_message(), bits), {(NAME, "TXT"): [record(rsa_key(bits))]}
    (found,) = await verified(octets, zone)
    assert (found.result, bool(found.warning)) == (result, warned)


SHORT = (
    "v=DKIM1; k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANg32eUH7ba/Ng387RINgH2Sk6QqZGT5btI0TpJ88mdx//2p"
    "8b+mm5R9VePXt6/GIDlCVkLo2mielJ54c60RZPUCAwEAAQ=="
)


async def test_a_partial_body_is_policy_even_when_it_verifies():
    (found,) = await verified(signed(make_message(), length=True))
    assert found.result is DkimResult.POLICY


async def test_sha1_is_policy():
    octets = signed(make_message()).replace(b"a=rsa-sha256", b"a=rsa-sha1")
    (found,) = await verified(octets)
    assert found.result is DkimResult.POLICY


async def test_signatures_beyond_the_fifth_are_not_looked_at():
    octets = make_message()
    field = signed(octets)[: -len(octets)]
    zone = ZoneResolver({(NAME, "TXT"): [record(rsa_key(2048))]})
    found = await verify_dkim(field * 8 + octets, zone)
    assert [row.result for row in found] == [DkimResult.PASS] * 5 + [DkimResult.NEUTRAL]
    assert len(zone.asked) == 5


KEYS = [
    ([], "permerror", "no record"),
    (["v=DKIM1; p="], "permerror", "revoked"),
    (["v=DKIM1; k=ed25519; p=AAAA"], "permerror", "another kind of key"),
    (["v=DKIM1; h=sha1; p=AAAA"], "permerror", "sha256 is not allowed"),
    (["v=DKIM1; s=tlsrpt; p=AAAA"], "permerror", "not for e-mail"),
    (["v=DKIM2; p=AAAA"], "permerror", "another version"),
    (["p=not base64!"], "permerror", "not base64"),
    (["p=AAAA"], "permerror", "not a key"),
    (["no tags"], "permerror", "not a record"),
    (["v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"], "permerror", "two records"),
    (["é; p=\xff"], "permerror", "beyond ASCII"),
    (["v=DKIM1; p=" + "A" * 60_000], "permerror", "an endless key"),
]


@pytest.mark.parametrize(("texts", "result", "why"), KEYS, ids=[why for *_, why in KEYS])
async def test_key_records_that_cannot_serve(texts, result, why):
    (found,) = await verified(
        signed(make_message()), {(NAME, "TXT"): texts} if texts else {("x", "A"): ["192.0.2.1"]}
    )
    assert found.result == result


@pytest.mark.parametrize("fault", ["failing", "bogus"])
async def test_a_silent_dns_is_a_temperror_never_a_pass(fault):
    (found,) = await verified(signed(make_message()), **{fault: [NAME]})
    assert found.result is DkimResult.TEMPERROR


async def test_the_testing_flag_is_told():
    (found,) = await verified(signed(make_message()), {(NAME, "TXT"): [record(rsa_key(2048)) + "; t=y"]})
    assert found.testing


CHANGED = [
    (b"s=s;", b"s=s; x=1;", "fail", "expired"),
    (b"h=from : subject;", b"h=subject;", "permerror", "From is not covered"),
    (b"d=acme.example;", b"", "permerror", "no domain"),
    (b"v=1;", b"v=2;", "permerror", "another version"),
    (b"s=s;", b"s=s; i=a@evil.example;", "permerror", "an agent elsewhere"),
    (b"a=rsa-sha256;", b"a=rsa-md5;", "permerror", "an unknown algorithm"),
    (b"s=s;", b"s=s; s=t;", "permerror", "a tag twice"),
]


@pytest.mark.parametrize(("old", "new", "result", "why"), CHANGED, ids=[why for *_, why in CHANGED])
async def test_signature_fields_that_cannot_serve(old, new, result, why):
    octets = signed(make_message())
    assert old in octets
    (found,) = await verified(octets.replace(old, new, 1))
    assert found.result == result, found.reason


def field(**tags):
    """A signature field with these tags changed."""
    values = {
        "v": "1",
        "a": "rsa-sha256",
        "d": "acme.example",
        "s": "s",
        "h": "from",
        "bh": "AAAA",
        "b": "AAAA",
    } | tags
    return ("DKIM-Signature: " + "; ".join(f"{tag}={value}" for tag, value in values.items()) + "\r\n").encode()


GAP = "\r\n ".join([""] * 15_000)
COSTLY = [
    (field(b="A" + " " * 60_000 + "!"), "white space before a bad octet in b="),
    (field(b="A" + " " * 30_000 + "= " * 10_000 + "A"), "equal signs within b="),
    (field(h=":".join(f"x{n}" for n in range(10_000)) + ":from"), "ten thousand names in h="),
    (field(h="from:" * 10_000 + "from"), "From ten thousand times in h="),
    (field(s="s" + GAP), "a long gap"),
    (field(z=f";b{GAP}"), "gaps behind b"),
    (field(**{f"x{n}": ";" for n in range(100)}), "empty tags"),
    (field(h="from" + " " * 20_000 + ":" + " " * 20_000 + "to"), "gaps in h="),
    (b"DKIM-Signature: " + b";" * 60_000 + b"\r\n", "semicolons"),
    (b"DKIM-Signature: " + b"a=" * 30_000 + b"\r\n", "equal signs"),
]


@pytest.mark.parametrize(("hostile", "why"), COSTLY, ids=[why for _, why in COSTLY])
async def test_hostile_signatures_cost_little(hostile, why):
    many = b"".join(b"X-%d: y\r\n" % number for number in range(990))
    octets = hostile * 4 + many + make_message()
    began = time.process_time()
    found = await verified(octets)
    assert time.process_time() - began < 2.0
    assert all(row.result is not DkimResult.PASS for row in found)


# ---- Canonicalisation in linear time

BODIES = [
    (b"x" * 70 + b"\r\n", "ordinary lines"),
    (b"\r\n", "empty lines"),
    (b" \r\n", "lines of a space"),
    (b"\t \t x\r\n", "tabs and spaces"),
    (b" ", "spaces alone"),
    (b"\t", "tabs alone"),
    (b"\r", "bare CR"),
    (b"\r\n\r", "CR between line ends"),
]


def cost(function, body):
    """The least CPU time of three runs."""
    found = []
    for _ in range(3):
        began = time.process_time()
        function(body)
        found.append(time.process_time() - began)
    return min(found)


@pytest.mark.parametrize("function", [relaxed_body, simple_body])
@pytest.mark.parametrize(("unit", "why"), BODIES, ids=[why for _, why in BODIES])
def test_canonicalisation_is_linear(function, unit, why):
    size = 4_000_000
    small, large = unit * (size // len(unit)), unit * (2 * size // len(unit))
    once, twice = cost(function, small), cost(function, large)
    assert twice <= 2.5 * once + 0.02
    assert twice < 1.0


RELAXED = [
    (b"", b"", "an empty body"),
    (b"\r\n\r\n", b"", "empty lines only"),
    (b" \t\r\n", b"", "white space only"),
    (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n", "the example of RFC 6376 section 3.4.5"),
    (b"a", b"a\r\n", "no line end"),
    (b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n", "an empty line inside stays"),
    (b"a \t ", b"a\r\n", "white space at an end without a line end"),
]


@given(st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"a", b"bc"]), max_size=40).map(b"".join), st.integers(1, 6))
def test_a_body_in_windows_hashes_as_the_whole(body, window):
    canonical._WINDOW, kept = window, canonical._WINDOW
    try:
        for octets in (body, MappedOctets(body[:3], memoryview(body[3:]))):
            assert body_digest(octets, "relaxed", "sha256") == sha256(relaxed_body(body)).digest()
            assert body_digest(octets, "simple", "sha256") == sha256(simple_body(body)).digest()
        assert bytes(relaxed_body(octets)) == relaxed_body(body)
    finally:
        canonical._WINDOW = kept


@pytest.mark.parametrize(("body", "canonical", "why"), RELAXED, ids=[why for *_, why in RELAXED])
def test_relaxed_bodies(body, canonical, why):
    assert relaxed_body(body) == canonical


def original(call):
    """What the library as it comes says; it runs in a process of its own, for ours replaces its parts."""
    code = f"import dkim, dkim.canonicalization as c, sys; sys.stdout.buffer.write(repr({call}).encode())"
    return ast.literal_eval(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


FIELDS = [
    (b"From", b" Alice <a@acme.example>\r\n"),
    (b"SUBJect ", b"  a\t b\r\n\t c  \r\n"),
    (b"To", b"\r\n a\r\r\n\n b\x0b\r\n"),
    (b"From", b"second\r\n"),
    (b"X", b"\r\n"),
    (b"subject ", b" " * 300 + b"x" + b" " * 5000 + b"y\r\n"),
]
NAMES = [b"from", b"from", b"from", b"to", b"cc", b"subject "]


def test_relaxed_headers_and_their_choice_are_the_librarys():
    assert relaxed_headers(FIELDS) == original(f"c.Relaxed.canonicalize_headers({FIELDS!r})")
    assert select_fields(FIELDS, NAMES) == original(f"dkim.select_headers({FIELDS!r}, {NAMES!r})")


@pytest.mark.parametrize(
    ("body", "canonical"),
    [(b"", b"\r\n"), (b"\r\n\r\n", b"\r\n"), (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n"), (b"a", b"a\r\n")],
)
def test_simple_bodies(body, canonical):
    assert simple_body(body) == canonical


async def test_signing_and_verifying_25_mb_cost_less_than_two_seconds_each():
    octets = make_message() + (b"x  y \t" * 10 + b"\r\n") * 400_000
    pair = generate_key("ed25519")
    began = time.process_time()
    header = sign(octets, "acme.example", [LoadedKey("s", "ed25519", load_key(pair.private_der))])
    between = time.process_time()
    (found,) = await verified(header + octets, {(NAME, "TXT"): [f"v=DKIM1; k=ed25519; p={pair.public_key}"]})
    assert between - began < 2.0
    assert time.process_time() - between < 2.0
    assert found.result is DkimResult.PASS
