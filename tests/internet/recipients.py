"""Recipients (RFC 5321): who exists, who is full, and who is refused, always inside the dialogue."""

from tests.internet.situation import Mail, Situation, Zone

ZONE: Zone = {}
GOOD = "spf=pass dmarc=pass"
UNKNOWN = "550 5.1.1"


def _case(name: str, recipient: str, why: str, reply: str = "250 2.0.0", folder: str = "INBOX") -> Situation:
    good = reply.startswith("250")
    return Situation(
        f"rcpt {name}",
        why,
        GOOD if good else "rcpt=refused",
        "dmarc-pass" if good else "",
        reply,
        folder if good else "",
        recipients=[recipient],
    )


SITUATIONS = [
    _case("mailbox", "alice@acme.example", "a mailbox"),
    _case("case", "ALICE@ACME.example", "local parts of ours know no case"),
    _case("quoted", '"alice"@acme.example', "quotes that are not needed mean nothing"),
    _case("subaddress", "alice+shop@acme.example", "what stands after the plus is hers to choose"),
    _case("route", "@relay.example:alice@acme.example", "a source route is dropped (RFC 5321 C)"),
    _case("alias", "sales@acme.example", "an alias leads to the mailbox"),
    _case("alias of alias", "office@acme.example", "an alias of an alias"),
    _case("alias loop", "ring@acme.example", "two aliases that lead to each other lead nowhere", UNKNOWN),
    _case("alias domain", "alice@acme-alias.example", "the same mailbox under another domain"),
    _case("unknown", "nobody@acme.example", "no such mailbox", UNKNOWN),
    _case("unknown in alias domain", "nobody@acme-alias.example", "nor here", UNKNOWN),
    _case("catch-all", "anything@catch.example", "whatever stands before the @"),
    _case("postmaster", "postmaster@acme.example", "the domain's administrators (RFC 5321 4.5.1)"),
    _case("abuse", "abuse@acme.example", "the same (RFC 2142)"),
    _case("bare postmaster", "postmaster", "without a domain (RFC 5321 4.1.1.3)"),
    _case("foreign", "carol@elsewhere.example", "we relay for nobody", "550 5.7.1"),
    _case("percent", "carol%elsewhere.example@acme.example", "the percent hack relays nothing", UNKNOWN),
    _case("bang", "elsewhere!carol@acme.example", "nor the bang path", UNKNOWN),
    _case("literal", "alice@[127.0.0.1]", "an address literal is no domain of ours", "550 5.7.1"),
    _case("disabled", "off@acme.example", "switched off", "550 5.2.1"),
    _case("parked", "alice@parked.example", "a domain without mail", "556 5.1.10"),
    _case("suspended", "alice@asleep.example", "a domain out of service for now", "450 4.2.1"),
    _case("no domain", "alice", "an address needs one", "501 5.1.3"),
    _case("two at", "alice@acme.example@acme.example", "two domains", "501 5.1.3"),
    _case("long local part", f"{'a' * 65}@acme.example", "64 octets at most", "501 5.1.3"),
    _case("path upwards", "../../etc/passwd@acme.example", "no file name, no mailbox", "501 5.1.3"),
    _case("utf-8 unasked", "ålice@acme.example", "needs SMTPUTF8", "553 5.6.7"),
    Situation(
        "rcpt full",
        "no room: later perhaps, and nothing is stored",
        "delivery=refused",
        "dmarc-pass",
        "452 4.2.2",
        "",
        recipients=["full@acme.example"],
    ),
    Situation(
        "rcpt full by size",
        "the size is told: refused before the message",
        "rcpt=refused",
        "",
        "452 4.2.2",
        "",
        recipients=["full@acme.example"],
        parameters=" SIZE=1000",
    ),
    Situation(
        "rcpt report",
        "a report address takes the message in",
        GOOD,
        "dmarc-pass",
        folder="",
        recipients=["dmarc-reports@acme.example"],
    ),
    Situation(
        "rcpt two",
        "two mailboxes, each its copy",
        GOOD,
        "dmarc-pass",
        recipients=["alice@acme.example", "carol@acme.example"],
    ),
    Situation(
        "rcpt one of two",
        "one is unknown, the other gets it",
        "rcpt=refused",
        "dmarc-pass",
        recipients=["nobody@acme.example", "alice@acme.example"],
    ),
    Situation(
        "rcpt twice",
        "named twice, stored once",
        GOOD,
        "dmarc-pass",
        recipients=["alice@acme.example", "sales@acme.example"],
    ),
    Situation(
        "rcpt size",
        "the size is told and too large",
        "mail=refused",
        "",
        "552 5.3.4",
        "",
        parameters=" SIZE=99999999999",
    ),
    Situation(
        "rcpt loop",
        "51 servers have handled it",
        "data=refused",
        "",
        "554 5.4.6",
        "",
        Mail(extra=[f"Received: from a by b{n}; x" for n in range(51)]),
    ),
    Situation(
        "rcpt long way",
        "50 are allowed",
        GOOD,
        "dmarc-pass",
        mail=Mail(extra=[f"Received: from a by b{n}; x" for n in range(49)]),
    ),
]
