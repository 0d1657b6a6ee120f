"""ARC (RFC 8617): chains that hold, chains that are broken in every way, and our seal under dkimpy's own eyes."""

import json
from pathlib import Path

import dkim
import pytest

import domains.arc.seal
from antispam.arc.verify import ArcResult, verify_arc
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import read_message
from domains.arc.seal import Seen, seal
from domains.dkim.canonical import Message
from domains.dkim.keys import generate_key, load_key
from domains.dkim.record import serialise_key_record
from domains.dkim.sign import CannotSign, LoadedKey
from domains.dns.zone import ZoneResolver
from tests.internet.signing import RSA512

NOW = 1_790_000_000
MESSAGE = b"From: bob@good.example\r\nTo: list@one.example\r\nSubject: Hello\r\n\r\nHello all.\r\n"
DOMAINS = ("one.example", "two.example", "three.example")
PAIRS = {domain: generate_key("rsa2048") for domain in DOMAINS}
KEYS = {domain: LoadedKey("s1", "rsa2048", load_key(pair.private_der)) for domain, pair in PAIRS.items()}
ZONE = {
    (f"s1._domainkey.{domain}", "TXT"): [serialise_key_record("rsa2048", pair.public_key)]
    for domain, pair in PAIRS.items()
}


def sealed(octets: bytes = MESSAGE, stations: int = 1, **chain: str) -> bytes:
    """Return the message after so many stations; ``chain`` is what each says of the chain before it, by its name."""
    for number, domain in enumerate(DOMAINS[:stations]):
        told = chain.get(domain.partition(".")[0], "pass" if number else "none")
        seen = Seen(f"mail.{domain};\r\n spf=pass smtp.mailfrom=bob@good.example;\r\n arc={told}", told)
        octets = seal(octets, seen, domain, KEYS[domain], NOW) + octets
    return octets


async def judged(octets: bytes, **faults: object):
    message = read_message(octets)
    assert isinstance(message, Message)
    return await verify_arc(message, ZoneResolver(faults.pop("zone", ZONE), **faults))  # type: ignore[arg-type]


@pytest.mark.parametrize("stations", [1, 2, 3])
async def test_a_chain_holds_from_station_to_station(stations):
    found = await judged(sealed(stations=stations))
    assert (found.result, found.oldest_pass) == (ArcResult.PASS, 0), found
    assert [one.domain for one in found.sets] == list(DOMAINS[:stations])
    assert found.last_sealer == DOMAINS[stations - 1]
    assert found.sets[0].results.startswith("mail.one.example; spf=pass smtp.mailfrom=bob@good.example")


@pytest.mark.parametrize("stations", [1, 2, 3])
def test_the_library_as_it_comes_agrees(stations):
    answers = {f"{name}.".encode(): texts[0].encode() for (name, _), texts in ZONE.items()}
    found = dkim.ARC(sealed(stations=stations)).verify(lambda name, timeout=0: answers.get(name))
    assert found[0] == b"pass", found


async def test_what_the_library_sealed_holds_here_and_goes_on():
    """Two stations sealed by dkimpy without any of our parts in it, and a third by us."""
    folder = Path(__file__).parents[1] / "corpus" / "arc"
    octets = (folder / "two_stations.eml").read_bytes().replace(b"\n", b"\r\n")
    published = json.loads((folder / "two_stations.json").read_text())
    zone = ZONE | {(name, "TXT"): [text] for name, text in published.items()}
    found = await judged(octets, zone=zone)
    assert (found.result, found.last_sealer) == (ArcResult.PASS, "second.example"), found
    third = seal(octets, Seen("mail.one.example; arc=pass", "pass"), "one.example", KEYS["one.example"], NOW)
    assert (await judged(third + octets, zone=zone)).result is ArcResult.PASS
    answers = {f"{name}.".encode(): texts[0].encode() for (name, _), texts in zone.items()}
    assert dkim.ARC(third + octets).verify(lambda name, timeout=0: answers.get(name))[0] == b"pass"


async def test_a_key_is_asked_for_once():
    asked = ZoneResolver(ZONE)
    message = read_message(sealed(stations=3))
    assert isinstance(message, Message)
    assert (await verify_arc(message, asked)).result is ArcResult.PASS
    assert [name for name, _ in asked.asked] == [f"s1._domainkey.{domain}" for domain in DOMAINS]


async def test_the_order_of_the_fields_says_nothing():
    octets = sealed(stations=2)
    fields, body = Message(octets).headers, octets.partition(b"\r\n\r\n")[2]
    arc = [field for field in fields if field[0].startswith(b"ARC-")]
    others = [field for field in fields if not field[0].startswith(b"ARC-")]
    turned = b"".join(name + b":" + value for name, value in [*reversed(arc), *others]) + b"\r\n" + body
    assert (await judged(turned)).result is ArcResult.PASS


TIMES = [
    ("expired", {"t": "1500000000", "x": "1500000001"}, "expired"),
    ("from the future", {"t": "99999999999"}, "future"),
    ("no number", {"x": "soon"}, "x="),
    ("a huge number", {"t": "9" * 5000}, "processed"),
    ("only a part of the body", {"l": "5"}, "l="),
]


@pytest.mark.parametrize(("name", "tags", "reason"), TIMES, ids=[row[0] for row in TIMES])
async def test_a_message_signature_that_says_too_much(name, tags, reason, monkeypatch):
    """Signed as it stands, so that nothing but the tag speaks against it."""
    folded = domains.arc.seal._folded

    def told(asked: dict[str, str]) -> bytes:
        more = tags if "h" in asked else {}
        return folded(more | {name: asked[name] for name in asked if name not in more})

    monkeypatch.setattr(domains.arc.seal, "_folded", told)
    found = await judged(sealed())
    assert found.result is ArcResult.FAIL, found
    assert reason in found.sets[0].reason, found
    assert found.sets[0].seal is DkimResult.PASS


async def test_a_seal_by_ed25519():
    pair = generate_key("ed25519")
    key = LoadedKey("e1", "ed25519", load_key(pair.private_der))
    octets = seal(MESSAGE, Seen("mail.one.example; arc=none"), "one.example", key, NOW) + MESSAGE
    zone = {("e1._domainkey.one.example", "TXT"): [serialise_key_record("ed25519", pair.public_key)]}
    assert (await judged(octets, zone=zone)).result is ArcResult.PASS


async def test_what_was_changed_between_two_stations_is_told():
    """A list adds its footer between the first seal and the second: the chain holds, from the second station on."""
    octets = sealed().replace(b"Hello all.\r\n", b"Hello all.\r\n-- \r\nthe list\r\n")
    seen = Seen("mail.two.example; arc=pass", "pass")
    octets = seal(octets, seen, "two.example", KEYS["two.example"], NOW) + octets
    found = await judged(octets)
    assert (found.result, found.oldest_pass) == (ArcResult.PASS, 2)
    assert found.sets[0].message is DkimResult.FAIL
    assert "body was changed" in found.sets[0].reason


def _without(name: bytes, instance: int):
    def change(octets: bytes) -> bytes:
        fields, body = Message(octets).headers, octets.partition(b"\r\n\r\n")[2]
        start = b" i=%d;" % instance
        kept = [key + b":" + value for key, value in fields if not (key == name and value.startswith(start))]
        return b"".join(kept) + b"\r\n" + body

    return change


def _doubled(octets: bytes) -> bytes:
    name, value = Message(octets).headers[0]
    return name + b":" + value + octets


BROKEN = [
    ("a set without seal", _without(b"ARC-Seal", 1), "set 1"),
    ("a set without message signature", _without(b"ARC-Message-Signature", 2), "set 2"),
    ("a set without results", _without(b"ARC-Authentication-Results", 1), "set 1"),
    ("a seal twice", _doubled, "set 2"),
    ("no instance", lambda octets: b"ARC-Seal: a=rsa-sha256; cv=none\r\n" + octets, "no instance"),
    ("instance 51", lambda octets: b"ARC-Seal: i=51; cv=none\r\n" + octets, "above 50"),
    ("instance 11 of many", lambda octets: b"ARC-Seal: i=11; cv=none\r\n" + octets, "more than 10"),
    ("the body changed", lambda octets: octets.replace(b"Hello all", b"Hello Eve"), "changed after"),
    ("a field changed", lambda octets: octets.replace(b"Subject: Hello", b"Subject: Pay"), "changed after"),
    ("results changed", lambda octets: octets.replace(b"spf=pass", b"spf=fail", 1), "seal"),
    ("cv=none later", lambda octets: octets.replace(b"cv=pass", b"cv=none"), "says cv=none"),
    ("cv=pass first", lambda octets: octets.replace(b"cv=none", b"cv=pass"), "says cv=pass"),
    ("cv unknown", lambda octets: octets.replace(b"cv=pass", b"cv=maybe"), "says cv=maybe"),
    ("cv=fail", lambda octets: octets.replace(b"cv=pass", b"cv=fail"), "was broken before"),
    ("a seal with h=", lambda octets: octets.replace(b"cv=pass;", b"cv=pass; h=from;"), "seal 2"),
    ("sha1", lambda octets: octets.replace(b"a=rsa-sha256; cv", b"a=rsa-sha1; cv"), "SHA-1"),
    ("another domain", lambda octets: octets.replace(b"d=two.example", b"d=three.example"), "changed after"),
]


@pytest.mark.parametrize(("name", "change", "reason"), BROKEN, ids=[row[0] for row in BROKEN])
async def test_a_broken_chain(name, change, reason):
    octets = change(sealed(stations=2))
    assert octets != sealed(stations=2)
    found = await judged(octets)
    assert found.result is ArcResult.FAIL, found
    assert reason in found.reason or any(reason in one.reason for one in found.sets), found


KEYS_PUBLISHED = [
    ("no key", {}, ArcResult.FAIL),
    ("revoked", {("s1._domainkey.one.example", "TXT"): ["v=DKIM1; p="]}, ArcResult.FAIL),
    ("512 bits", {("s1._domainkey.one.example", "TXT"): [f"v=DKIM1; p={RSA512}"]}, ArcResult.FAIL),
    ("another", {("s1._domainkey.one.example", "TXT"): ZONE["s1._domainkey.two.example", "TXT"]}, ArcResult.FAIL),
]


@pytest.mark.parametrize(("name", "zone", "result"), KEYS_PUBLISHED, ids=[row[0] for row in KEYS_PUBLISHED])
async def test_a_key_that_does_not_serve(name, zone, result):
    assert (await judged(sealed(), zone=zone)).result is result


@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_a_seal_of_which_a_part_is_missing(cut):
    """Base64 that ends inside an octet is the remote's fault, and no fault of ours."""
    octets = sealed()
    at = octets.index(b" b=", octets.index(b"ARC-Seal")) + 3
    found = await judged(octets[:at] + octets[at + cut :])
    assert found.result is ArcResult.FAIL, found
    assert found.sets[0].seal is (DkimResult.PERMERROR if cut == 1 else DkimResult.FAIL), found


async def test_silence_about_a_key_is_no_pass_and_no_failure():
    found = await judged(sealed(stations=2), failing={"s1._domainkey.one.example"})
    assert found.result is ArcResult.TEMPERROR


async def test_no_chain():
    assert (await judged(MESSAGE)).result is ArcResult.NONE


async def test_three_hundred_sets_cost_nothing():
    asked = ZoneResolver(ZONE)
    message = read_message(b"ARC-Seal: i=7; cv=none\r\n" * 300 + MESSAGE)
    assert isinstance(message, Message)
    assert (await verify_arc(message, asked)).result is ArcResult.FAIL
    assert not getattr(asked, "asked", [])


async def test_a_broken_chain_is_sealed_alone_and_then_ends():
    octets = sealed(stations=2).replace(b"Hello all", b"Hello Eve")
    octets = (
        seal(octets, Seen("mail.three.example; arc=fail", "fail"), "three.example", KEYS["three.example"], NOW)
        + octets
    )
    assert octets.count(b"ARC-Seal") == 3
    found = await judged(octets)
    assert (found.result, found.sets[2].cv) == (ArcResult.FAIL, "fail")
    seen = Seen("mail.one.example; arc=fail", "fail")
    assert seal(octets, seen, "one.example", KEYS["one.example"], NOW) == b""


UNREADABLE = [
    ("no instance left", b"ARC-Seal: i=50; cv=none\r\n"),
    ("an instance that nobody reads", b"ARC-Seal: i=999; cv=none\r\n"),
    ("no instance", b"ARC-Seal: a=rsa-sha256; cv=none\r\n"),
]


@pytest.mark.parametrize(("name", "fields"), UNREADABLE, ids=[row[0] for row in UNREADABLE])
def test_a_broken_chain_that_no_instance_can_follow_is_not_sealed(name, fields):
    seen = Seen("mail.one.example; arc=fail", "fail")
    assert seal(fields + MESSAGE, seen, "one.example", KEYS["one.example"], NOW) == b""


def test_more_fields_than_others_read_in_a_signature_are_not_sealed():
    octets = b"To: list@one.example\r\n" * 250 + MESSAGE
    with pytest.raises(CannotSign):
        seal(octets, Seen("mail.one.example; arc=none"), "one.example", KEYS["one.example"], NOW)


def test_what_has_no_author_is_not_sealed():
    with pytest.raises(CannotSign):
        seal(b"Subject: x\r\n\r\nx\r\n", Seen("mail.one.example; arc=none"), "one.example", KEYS["one.example"], NOW)


def test_the_lines_of_a_seal_are_short_and_ascii():
    header = sealed().removesuffix(MESSAGE)
    assert header.isascii()
    assert max(map(len, header.split(b"\r\n"))) <= 100
