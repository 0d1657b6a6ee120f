"""Mailing lists, forwarders and ARC: a DMARC failure that is explained goes to Junk; it is not refused."""

from domains.arc.seal import Seen, seal
from domains.dkim.sign import LoadedKey
from tests.internet.signing import Signature, key_record, private_key, sign_plainly
from tests.internet.situation import FORWARDER, STRANGER, Mail, Situation, Zone

ZONE: Zone = {
    ("groups.io", "TXT"): ["v=spf1 ip4:198.51.100.20 -all"],
    ("s1._domainkey.groups.io", "TXT"): [key_record("rsa")],
    ("s1._domainkey.google.com", "TXT"): [key_record("rsa")],
    ("s1._domainkey.sealer.example", "TXT"): [key_record("rsa")],
}
DETOUR, REFUSED = "dmarc-fail-reject-detour", "dmarc-fail-reject"
FOOTER = b"-- \r\nthe list\r\n"


def _sealed(domain: str, results: str = "mx; dmarc=pass", chain: str = "none"):
    """Return what a station does: it seals, and the list behind it adds its footer."""
    key = LoadedKey("s1", "rsa2048", private_key("rsa"))

    def change(octets: bytes) -> bytes:
        octets += FOOTER
        return seal(octets, Seen(results, chain), domain, key, 1_790_000_000) + octets

    return change


def _broken(octets: bytes) -> bytes:
    return _sealed("google.com")(octets).replace(b"the list", b"the Lisp")


def _case(name: str, row: str, why: str, expected: str = "", **mail: object) -> Situation:
    """Mail of good.example (p=reject) changed on its way by somebody else."""
    reply, folder = ("550 5.7.1", "") if row == REFUSED else ("250 2.0.0", "Junk")
    message = Mail(**{"signed": [Signature()], "change": lambda octets: octets + FOOTER} | mail)  # type: ignore[arg-type]
    return Situation(
        f"detour {name}",
        why,
        f"dmarc=fail {expected}".strip(),
        row,
        reply,
        folder,
        message,
        "bounces@relay.example",
        FORWARDER,
    )


SITUATIONS = [
    _case("none", REFUSED, "nothing explains the change"),
    _case("list-id", DETOUR, "a mailing list says who it is", extra=["List-Id: <talk.list.example>"]),
    _case("list-post", DETOUR, "another of its fields", extra=["List-Post: <mailto:talk@list.example>"]),
    _case("precedence", DETOUR, "Precedence: list", extra=["Precedence: list"]),
    _case(
        "forwarder",
        DETOUR,
        "signed by a known forwarder",
        change=lambda octets: _signed(octets + FOOTER, "groups.io"),
    ),
    _case(
        "other signer",
        REFUSED,
        "a signature by just anybody",
        change=lambda octets: _signed(octets + FOOTER, "list.example"),
    ),
    _case("arc trusted", DETOUR, "sealed by one who is trusted", "arc=pass", change=_sealed("google.com")),
    _case("arc stranger", REFUSED, "sealed by nobody known", "arc=pass", change=_sealed("sealer.example")),
    _case("arc broken", REFUSED, "sealed, then changed again", "arc=fail", change=_broken),
    _case(
        "arc forged",
        REFUSED,
        "a seal that does not verify",
        "arc=fail",
        change=lambda o: _sealed("sealer.example")(o + FOOTER).replace(b"d=sealer.example", b"d=google.com"),
    ),
    Situation(
        "detour unchanged",
        "forwarded as it was: the signature holds",
        "spf=pass dkim=pass dmarc=pass",
        "dmarc-pass",
        mail=Mail(signed=[Signature()]),
        mail_from="bounces@relay.example",
        client=FORWARDER,
    ),
    Situation(
        "detour spf only",
        "forwarded without a signature",
        "spf=fail dmarc=fail",
        REFUSED,
        "550 5.7.1",
        "",
        client=STRANGER,
    ),
    Situation(
        "detour postmaster",
        "postmaster stays reachable",
        "dmarc=fail",
        REFUSED,
        folder="Junk",
        client=STRANGER,
        recipients=["postmaster@acme.example"],
    ),
    Situation(
        "detour quarantine",
        "quarantine: Junk, list or not",
        "dmarc=fail",
        "dmarc-fail-quarantine",
        folder="Junk",
        mail=Mail(author="b@mild.example", extra=["List-Id: <talk.list.example>"]),
        client=STRANGER,
        mail_from="x@nobody.example",
    ),
    Situation(
        "detour munged",
        "a list that writes its own From",
        "dmarc=pass",
        "dmarc-pass",
        mail=Mail(
            author="'Bob' via talk <talk@list.example>",
            signed=[Signature("list.example")],
            extra=["List-Id: <talk.list.example>"],
        ),
        mail_from="talk@list.example",
        client=FORWARDER,
    ),
]


def _signed(octets: bytes, domain: str) -> bytes:
    return sign_plainly(octets, Signature(domain)) + octets
