"""DKIM (RFC 6376, 8301, 8463): signatures that hold, break, or must not count. The sender's SPF never helps here."""

from tests.internet.signing import Signature, key_record, public_text
from tests.internet.situation import STRANGER, Mail, Situation, Zone

ZONE: Zone = {
    ("plus.dkim.example", "TXT"): ["v=spf1 -all"],
    ("_dmarc.dkim.example", "TXT"): ["v=DMARC1; p=quarantine"],
}
AUTHOR = "Bob <bob@dkim.example>"
OLD, LATER = "1000000000", "4000000000"


def _key(selector: str, text: str | list[str]) -> None:
    ZONE[f"{selector}._domainkey.dkim.example", "TXT"] = [text] if isinstance(text, str) else text


for _selector, _text in {
    "good": key_record("rsa"),
    "ed": key_record("ed25519"),
    "weak": key_record("rsa1024"),
    "tiny": key_record("rsa512"),
    "revoked": "v=DKIM1; k=rsa; p=",
    "testing": key_record("rsa", "t=y; "),
    "strict": key_record("rsa", "t=s; "),
    "web": key_record("rsa", "s=web; "),
    "sha1only": key_record("rsa", "h=sha1; "),
    "bare": f"p={public_text('rsa')}",
    "version": f"v=DKIM2; p={public_text('rsa')}",
    "garbage": "v=DKIM1; p=%%%%",
    "spaced": key_record("rsa").replace("p=", "p= ").replace("A", "A "),
    "other": key_record("other"),
    "notes": key_record("rsa", "n=our_best_key; x=unknown; "),
}.items():
    _key(_selector, _text)
ZONE["two._domainkey.dkim.example", "TXT"] = [key_record("rsa"), key_record("other")]
ZONE["alias._domainkey.dkim.example", "CNAME"] = ["good._domainkey.dkim.example"]
ZONE["loop._domainkey.dkim.example", "CNAME"] = ["loop2._domainkey.dkim.example"]
ZONE["loop2._domainkey.dkim.example", "CNAME"] = ["loop._domainkey.dkim.example"]


def _sig(selector: str = "good", **more: object) -> Signature:
    return Signature("dkim.example", selector, **more)  # type: ignore[arg-type]


def _case(name: str, result: str, why: str, *signed: Signature, **mail: object) -> Situation:
    """A message by a stranger's server: what the signature is worth decides between the inbox and Junk."""
    good = result.split(",")[0] == "pass"
    expected = f"dkim={result.split(',')[0]} dmarc={'pass' if good else 'fail'}"
    if result == "temperror":
        expected = "dkim=temperror"
    row, folder = ("dmarc-pass", "INBOX") if good else ("dmarc-fail-quarantine", "Junk")
    message = Mail(author=AUTHOR, signed=signed, **mail)  # type: ignore[arg-type]
    return Situation(
        f"dkim {name}", why, expected, row, folder=folder, mail=message, mail_from="x@nobody.example", client=STRANGER
    )


def _cut(octets: bytes) -> bytes:
    return octets.replace(b"Hello Alice", b"Hello Mallory")


def _subject(octets: bytes) -> bytes:
    return octets.replace(b"Subject: Hello", b"Subject: Pay now")


SITUATIONS = [
    _case("rsa", "pass", "an RSA signature", _sig()),
    _case("ed25519", "pass", "an Ed25519 signature", _sig("ed", key="ed25519")),
    _case("both", "pass", "both kinds", _sig(), _sig("ed", key="ed25519")),
    _case("none", "none", "no signature at all"),
    _case("body changed", "fail", "the body was changed on the way", _sig(), change=_cut),
    _case("subject changed", "fail", "a signed field was changed", _sig(), change=_subject),
    _case(
        "subject unsigned",
        "pass",
        "what was not signed may change",
        _sig(names=("From", "To", "Date")),
        change=_subject,
    ),
    _case("from unsigned", "permerror", "From must be signed", _sig(names=("To", "Subject", "Date"))),
    _case("other key", "fail", "the published key is another", _sig("other")),
    _case("no key", "permerror", "no key at the selector", _sig("absent")),
    _case("revoked", "permerror", "an empty p= takes the key back", _sig("revoked")),
    _case("1024 bits", "pass", "short, yet allowed; a warning", _sig("weak", key="rsa1024")),
    _case("512 bits", "policy", "too short to mean anything (RFC 8301)", _sig("tiny")),
    _case("sha1", "policy", "rsa-sha1 must not count (RFC 8301)", _sig(tags={"a": "rsa-sha1"})),
    _case("l", "policy", "l= leaves the rest of the body open", _sig(length=5)),
    _case(
        "l with more",
        "policy",
        "and here is the rest",
        _sig(length=14),
        change=lambda octets: octets + b"PS: click here\r\n",
    ),
    _case("expired", "fail", "x= is past", _sig(tags={"t": OLD, "x": str(int(OLD) + 1)})),
    _case("future", "fail", "t= is to come", _sig(tags={"t": LATER})),
    _case("x before t", "fail", "it ends before it begins", _sig(tags={"t": LATER, "x": OLD})),
    _case("dated", "pass", "t= past and x= to come", _sig(tags={"t": OLD, "x": LATER})),
    _case("testing key", "pass", "t=y changes nothing for the receiver (RFC 6376 3.6.1)", _sig("testing")),
    _case("strict i", "permerror", "t=s: no subdomain in i=", _sig("strict", tags={"i": "@sub.dkim.example"})),
    _case("i below", "pass", "i= may lie below d=", _sig(tags={"i": "bob@sub.dkim.example"})),
    _case("i outside", "permerror", "i= elsewhere", _sig(tags={"i": "bob@good.example"})),
    _case("key for web", "permerror", "s= does not name mail", _sig("web")),
    _case("key for sha1", "permerror", "h= allows sha1 only", _sig("sha1only")),
    _case("bare key", "pass", "v= and k= may be left out", _sig("bare")),
    _case("key version", "permerror", "another version of the key record", _sig("version")),
    _case("key garbage", "permerror", "p= is no base64", _sig("garbage")),
    _case("key spaced", "pass", "blanks inside p= are nothing", _sig("spaced")),
    _case("key notes", "pass", "notes and unknown tags are nothing", _sig("notes")),
    _case("two keys", "permerror", "two records at the selector: undefined, so none", _sig("two")),
    _case("key by alias", "pass", "a CNAME leads to the key", _sig("alias")),
    _case("key by loop", "temperror", "aliases without end", _sig("loop")),
    _case("wrong kind", "permerror", "an Ed25519 signature with an RSA key", _sig("good", key="ed25519")),
    _case("no version", "permerror", "v= is required", _sig(tags={"v": None})),
    _case("no bh", "permerror", "bh= is required", _sig(tags={"bh": None})),
    _case("unknown tag", "pass", "unknown tags are ignored", _sig(tags={"zz": "1"})),
    _case("first bad second good", "pass", "one good signature is enough", _sig("absent"), _sig()),
    _case("first good second bad", "pass", "a broken one beside it harms nothing", _sig(), _sig("absent")),
    _case(
        "three hundred", "pass", "the first five are looked at; the topmost is good", *[_sig("absent")] * 12, _sig()
    ),
    _case(
        "body of 1 MB",
        "pass",
        "a large body, spooled",
        _sig(),
        body=b"x" * 70 + b"\r\n" + (b"y" * 74 + b"\r\n") * 14_000,
    ),
    _case("empty body", "pass", "no body at all", _sig(), body=b""),
    _case("dots", "pass", "lines that begin with dots arrive as they were", _sig(), body=b".\r\n..\r\n.x\r\n"),
]
