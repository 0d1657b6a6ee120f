"""SPF alone (RFC 7208): every result as evidence; without DMARC none of them refuses or moves a message."""

from collections.abc import Mapping

from tests.internet.situation import CLIENT, STRANGER, Mail, Situation, Zone

ZONE: Zone = {}
NONE = "no-objection"


def _case(
    name: str,
    record: str | None,
    result: str,
    why: str,
    client: str = CLIENT,
    more: Mapping[tuple[str, str], list[str]] | None = None,
) -> Situation:
    """One domain with one record and no DMARC; ``@`` in names and texts stands for the domain."""
    domain = f"{name.replace(' ', '-')}.spf-world.example"
    if record is not None:
        ZONE[domain, "TXT"] = [record.replace("@", domain)]
    for (label, rdtype), texts in (more or {}).items():
        ZONE[label.replace("@", domain), rdtype] = [text.replace("@", domain) for text in texts]
    mail = Mail(author=f"Bob <bob@{domain}>")
    return Situation(
        f"spf {name}", why, f"spf={result} dmarc=none", NONE, mail=mail, mail_from=f"bob@{domain}", client=client
    )


def _chain(length: int) -> dict[tuple[str, str], list[str]]:
    """Return ``length`` records, each including the next."""
    rows = {(f"i{place}.@", "TXT"): [f"v=spf1 include:i{place + 1}.@ -all"] for place in range(1, length)}
    return rows | {(f"i{length}.@", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"]}


V6 = "2001:db8:1::10"
LONG = "v=spf1 " + "".join(f"ip4:10.{number}.0.0/16 " for number in range(100)) + "ip4:192.0.2.10 -all"

SITUATIONS = [
    _case("ip4", "v=spf1 ip4:192.0.2.10 -all", "pass", "the address itself"),
    _case("ip4 prefix", "v=spf1 ip4:192.0.2.0/24 -all", "pass", "inside the network"),
    _case("ip4 other", "v=spf1 ip4:192.0.2.0/24 -all", "fail", "outside the network", STRANGER),
    _case("ip6", "v=spf1 ip6:2001:db8:1::/48 -all", "pass", "an IPv6 client", V6),
    _case("ip6 only", "v=spf1 ip6:2001:db8:1::/48 -all", "fail", "ip6 says nothing of an IPv4 client"),
    _case(
        "mapped", "v=spf1 ip4:192.0.2.10 -all", "pass", "an IPv4-mapped address is the IPv4 one", "::ffff:192.0.2.10"
    ),
    _case("softfail", "v=spf1 ~all", "softfail", "the owner is not sure"),
    _case("neutral", "v=spf1 ?all", "neutral", "the owner says nothing"),
    _case("no all", "v=spf1 ip4:198.51.100.1", "neutral", "nothing matched and there is no all"),
    _case("plus all", "v=spf1 +all", "pass", "everybody may: a pass, for what it is worth", STRANGER),
    _case("no record", None, "none", "no SPF record at all", more={("@", "A"): ["192.0.2.10"]}),
    _case("other txt", "google-site-verification=1", "none", "TXT, but not SPF"),
    _case("like spf", "v=spf10 +all", "none", "v=spf10 is another version"),
    _case(
        "two records",
        None,
        "permerror",
        "two records: neither counts",
        more={("@", "TXT"): ["v=spf1 +all", "v=spf1 -all"]},
    ),
    _case(
        "mixed txt",
        None,
        "pass",
        "one SPF record among others",
        more={("@", "TXT"): ["x=y", "v=spf1 ip4:192.0.2.10 -all"]},
    ),
    _case("upper case", "V=SPF1 IP4:192.0.2.10 -ALL", "pass", "case does not matter"),
    _case("bad term", "v=spf1 ipv4:192.0.2.10 -all", "permerror", "ipv4 is no mechanism"),
    _case("bad network", "v=spf1 ip4:192.0.2.300 -all", "permerror", "no address"),
    _case(
        "bad after match", "v=spf1 ip4:192.0.2.10 bad:term -all", "permerror", "syntax is checked before any match"
    ),
    _case("a", "v=spf1 a -all", "pass", "the domain's own address", more={("@", "A"): ["192.0.2.10"]}),
    _case("a prefix", "v=spf1 a/24 -all", "pass", "its neighbour", "192.0.2.77", {("@", "A"): ["192.0.2.10"]}),
    _case(
        "a other", "v=spf1 a:host.@ -all", "pass", "another host's address", more={("host.@", "A"): ["192.0.2.10"]}
    ),
    _case("a six", "v=spf1 a -all", "pass", "AAAA for an IPv6 client", V6, {("@", "AAAA"): [V6]}),
    _case("mx", "v=spf1 mx -all", "pass", "an MX host", more={("@", "MX"): ["10 m.@"], ("m.@", "A"): ["192.0.2.10"]}),
    _case(
        "mx many",
        "v=spf1 mx -all",
        "permerror",
        "eleven MX hosts",
        more={("@", "MX"): [f"{n} m{n}.@" for n in range(11)]},
    ),
    _case(
        "exists",
        "v=spf1 exists:%{i}.who.@ -all",
        "pass",
        "a name made of the address",
        more={("192.0.2.10.who.@", "A"): ["127.0.0.2"]},
    ),
    _case(
        "exists sender",
        "v=spf1 exists:%{l}.%{d} -all",
        "pass",
        "a name made of the local part",
        more={("bob.@", "A"): ["127.0.0.2"]},
    ),
    _case("exists not", "v=spf1 exists:%{i}.who.@ -all", "fail", "that name does not exist", STRANGER),
    _case("ptr", "v=spf1 ptr:good.example -all", "pass", "the client's name lies below"),
    _case(
        "ptr forged",
        "v=spf1 ptr:good.example -all",
        "fail",
        "the name does not lead back",
        "203.0.113.99",
        {("99.113.0.203.in-addr.arpa", "PTR"): ["mail.good.example"]},
    ),
    _case(
        "include",
        "v=spf1 include:ip.@ -all",
        "pass",
        "another record passes",
        more={("ip.@", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"]},
    ),
    _case(
        "include fail",
        "v=spf1 include:ip.@ ~all",
        "softfail",
        "its fail is only no match",
        STRANGER,
        {("ip.@", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"]},
    ),
    _case(
        "include none",
        "v=spf1 include:empty.@ -all",
        "permerror",
        "an include without record",
        more={("empty.@", "A"): ["192.0.2.10"]},
    ),
    _case(
        "redirect",
        "v=spf1 redirect=ip.@",
        "pass",
        "another record instead",
        more={("ip.@", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"]},
    ),
    _case(
        "redirect after all",
        "v=spf1 -all redirect=ip.@",
        "fail",
        "all makes redirect idle",
        more={("ip.@", "TXT"): ["v=spf1 +all"]},
    ),
    _case("redirect none", "v=spf1 redirect=nowhere.@", "permerror", "redirect to nothing"),
    _case("loop", "v=spf1 include:@ -all", "permerror", "it includes itself"),
    _case(
        "two in a loop",
        "v=spf1 include:b.@ -all",
        "permerror",
        "two include each other",
        more={("b.@", "TXT"): ["v=spf1 include:@ -all"]},
    ),
    _case("ten lookups", "v=spf1 include:i1.@ -all", "pass", "ten terms are allowed", more=_chain(10)),
    _case("eleven lookups", "v=spf1 include:i1.@ -all", "permerror", "eleven are not", more=_chain(11)),
    _case(
        "void storm", "v=spf1 a:v1.@ a:v2.@ a:v3.@ ip4:192.0.2.10 -all", "permerror", "three names that do not exist"
    ),
    _case("two voids", "v=spf1 a:v1.@ a:v2.@ ip4:192.0.2.10 -all", "pass", "two are allowed"),
    _case("long", LONG, "pass", "a text of several strings, joined"),
    _case(
        "cname",
        None,
        "pass",
        "the name is an alias",
        more={("@", "CNAME"): ["target-of.@"], ("target-of.@", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"]},
    ),
    _case(
        "cname loop",
        None,
        "temperror",
        "aliases without end: nothing is known",
        more={("@", "CNAME"): ["b.@"], ("b.@", "CNAME"): ["@"]},
    ),
    _case("not ascii", "v=spf1 ip4:192.0.2.10 exp=é.@ -all", "permerror", "letters that are not ASCII"),
    _case(
        "silent include",
        "v=spf1 include:servfail.world.example ip4:192.0.2.10 -all",
        "temperror",
        "silence on the way is no pass",
    ),
    Situation(
        "spf silence",
        "the DNS fails for the sender: accepted, nothing claimed",
        "spf=temperror dmarc=temperror",
        "dmarc-temperror",
        mail=Mail(author="b@servfail.world.example"),
        mail_from="b@servfail.world.example",
    ),
    Situation(
        "spf null path",
        "a bounce: HELO is checked instead",
        "spf=pass dmarc=pass",
        "dmarc-pass",
        mail=Mail(author="MAILER-DAEMON@mail.good.example"),
        mail_from="",
    ),
    Situation(
        "spf null path forged helo",
        "a bounce by a stranger",
        "spf=fail",
        "dmarc-fail-reject",
        "550 5.7.1",
        "",
        Mail(author="MAILER-DAEMON@mail.good.example"),
        "",
        STRANGER,
    ),
]
