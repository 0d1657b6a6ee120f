"""DMARC (RFC 9989): alignment, the tree walk, and what each policy asks for."""

from tests.internet.signing import Signature, key_record
from tests.internet.situation import CLIENT, STRANGER, Mail, Situation, Zone

REFUSED = "550 5.7.1"
ZONE: Zone = {
    ("strict.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("mail.strict.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("_dmarc.strict.example", "TXT"): ["v=DMARC1; p=quarantine; aspf=s; adkim=s"],
    ("s1._domainkey.strict.example", "TXT"): [key_record("rsa")],
    ("s1._domainkey.mail.strict.example", "TXT"): [key_record("rsa")],
    ("sp.example", "TXT"): ["v=spf1 -all"],
    ("_dmarc.sp.example", "TXT"): ["v=DMARC1; p=none; sp=quarantine; np=reject"],
    ("there.sp.example", "A"): ["192.0.2.99"],
    ("_dmarc.own.sp.example", "TXT"): ["v=DMARC1; p=none"],
    ("testing.example", "TXT"): ["v=spf1 -all"],
    ("_dmarc.testing.example", "TXT"): ["v=DMARC1; p=reject; t=y"],
    ("_dmarc.testingq.example", "TXT"): ["v=DMARC1; p=quarantine; t=y"],
    ("_dmarc.old.example", "TXT"): ["v=DMARC1; p=quarantine; pct=0; rf=afrf; ri=3600"],
    ("_dmarc.two.example", "TXT"): ["v=DMARC1; p=reject", "v=DMARC1; p=none"],
    ("_dmarc.beside.example", "TXT"): ["v=spf1 -all", "v=DMARC1; p=quarantine"],
    ("_dmarc.typo.example", "TXT"): ["v=DMARC1; p=rejekt"],
    ("_dmarc.typorua.example", "TXT"): ["v=DMARC1; p=rejekt; rua=mailto:r@typorua.example"],
    ("_dmarc.version.example", "TXT"): ["v=DMARC2; p=reject"],
    ("_dmarc.late.example", "TXT"): ["p=reject; v=DMARC1"],
    ("_dmarc.case.example", "TXT"): ["v=DMARC1; p=QUARANTINE"],
    ("_dmarc.blank.example", "TXT"): ["v = DMARC1 ; p = quarantine"],
    ("_dmarc.alias.example", "CNAME"): ["_dmarc.mild.example"],
    # a registry that publishes for the names below it
    ("_dmarc.bank", "TXT"): ["v=DMARC1; p=reject; psd=y"],
    ("acme.bank", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("other.bank", "TXT"): ["v=spf1 ip4:203.0.113.66 -all"],
    # a department with people of its own
    ("_dmarc.dept.uni.example", "TXT"): ["v=DMARC1; p=quarantine; psd=n"],
    ("_dmarc.uni.example", "TXT"): ["v=DMARC1; p=reject"],
    ("uni.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("dept.uni.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("_dmarc.a.b.c.d.e.f.g.h.deep.example", "TXT"): ["v=DMARC1; p=quarantine"],
    ("_dmarc.deep.example", "TXT"): ["v=DMARC1; p=quarantine"],
    ("xn--mller-kva.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("_dmarc.xn--mller-kva.example", "TXT"): ["v=DMARC1; p=reject"],
}


def _case(
    name: str,
    author: str,
    outcome: str,
    row: str,
    why: str,
    mail_from: str = "x@nobody.example",
    signed: str = "",
    client: str = STRANGER,
    **more: object,
) -> Situation:
    folder = "Junk" if row in ("dmarc-fail-quarantine", "dmarc-fail-junk") else "INBOX"
    reply = "250 2.0.0"
    if row == "dmarc-fail-reject":
        folder, reply = "", REFUSED
    mail = Mail(author=author, signed=[Signature(domain) for domain in signed.split()], **more)  # type: ignore[arg-type]
    return Situation(f"dmarc {name}", why, f"dmarc={outcome}", row, reply, folder, mail, mail_from, client)


PASS, NONE, WATCH, SILENT = "dmarc-pass", "no-objection", "dmarc-fail-none", "dmarc-temperror"
QUARANTINE, REJECT = "dmarc-fail-quarantine", "dmarc-fail-reject"

SITUATIONS = [
    _case("spf aligned", "b@good.example", "pass", PASS, "SPF of the same domain", "b@good.example", client=CLIENT),
    _case(
        "spf below",
        "b@good.example",
        "pass",
        PASS,
        "SPF of a name below, relaxed",
        "b@mail.good.example",
        client=CLIENT,
    ),
    _case("dkim aligned", "b@good.example", "pass", PASS, "DKIM of the same domain", signed="good.example"),
    _case(
        "author below", "b@news.good.example", "pass", PASS, "From below the signing domain", signed="good.example"
    ),
    _case(
        "both elsewhere",
        "b@mild.example",
        "fail",
        QUARANTINE,
        "SPF and DKIM pass for somebody else",
        "b@good.example",
        "good.example",
        CLIENT,
    ),
    _case(
        "reject",
        "b@good.example",
        "fail",
        REJECT,
        "nothing passed; its owner says reject; nothing else speaks for it",
    ),
    _case("reject below", "b@news.good.example", "fail", REJECT, "the policy holds below too"),
    _case("quarantine", "b@mild.example", "fail", QUARANTINE, "nothing passed; its owner says quarantine"),
    _case("none", "b@watch.example", "fail", WATCH, "its owner only watches"),
    _case("no policy", "b@plain.example", "none", NONE, "no DMARC at all"),
    _case(
        "strict spf same", "b@strict.example", "pass", PASS, "strict and the same", "b@strict.example", client=CLIENT
    ),
    _case(
        "strict spf below",
        "b@strict.example",
        "fail",
        QUARANTINE,
        "strict, not the same",
        "b@mail.strict.example",
        client=CLIENT,
    ),
    _case("strict dkim same", "b@strict.example", "pass", PASS, "strict and the same", signed="strict.example"),
    _case(
        "strict dkim below",
        "b@strict.example",
        "fail",
        QUARANTINE,
        "strict, not the same",
        signed="mail.strict.example",
    ),
    _case("sp top", "b@sp.example", "fail", WATCH, "p=none for the domain itself"),
    _case("sp", "b@there.sp.example", "fail", QUARANTINE, "sp= for a subdomain that exists"),
    _case("np", "b@gone.sp.example", "fail", REJECT, "np= for one that does not"),
    _case("own record", "b@own.sp.example", "fail", WATCH, "a subdomain's own record comes first"),
    _case("testing reject", "b@testing.example", "fail", QUARANTINE, "t=y: one step down, from reject to quarantine"),
    _case("testing quarantine", "b@testingq.example", "fail", WATCH, "t=y: from quarantine to none"),
    _case("old tags", "b@old.example", "fail", QUARANTINE, "pct=0 is gone and says nothing (RFC 9989)"),
    _case("two records", "b@two.example", "none", NONE, "two records: none counts"),
    _case("record beside", "b@beside.example", "fail", QUARANTINE, "another TXT beside it is nothing"),
    _case("typo", "b@typo.example", "none", NONE, "no such policy and nobody to report to: no record"),
    _case("typo with rua", "b@typorua.example", "fail", WATCH, "no such policy, but reports are wanted: none"),
    _case("version", "b@version.example", "none", NONE, "another version"),
    _case("version late", "b@late.example", "none", NONE, "v= has to come first"),
    _case("case", "b@case.example", "fail", QUARANTINE, "upper case in a value is the same"),
    _case("blanks", "b@blank.example", "fail", QUARANTINE, "blanks around = and ;"),
    _case("alias", "b@alias.example", "fail", QUARANTINE, "a record by CNAME"),
    _case("registry", "b@acme.bank", "fail", REJECT, "the registry's policy for names without one"),
    _case("registry passes", "b@acme.bank", "pass", PASS, "aligned below the registry", "b@acme.bank", client=CLIENT),
    _case(
        "registry neighbours",
        "b@acme.bank",
        "fail",
        REJECT,
        "two names of one registry are not aligned",
        "b@other.bank",
    ),
    _case(
        "department",
        "b@dept.uni.example",
        "fail",
        QUARANTINE,
        "psd=n: an organization of its own",
        "b@uni.example",
        client=CLIENT,
    ),
    _case(
        "department itself",
        "b@dept.uni.example",
        "pass",
        PASS,
        "and its own SPF",
        "b@dept.uni.example",
        client=CLIENT,
    ),
    _case(
        "beside a department",
        "b@uni.example",
        "fail",
        REJECT,
        "the university is not the department",
        "b@dept.uni.example",
        client=CLIENT,
    ),
    _case("deep", "b@a.b.c.d.e.f.g.h.deep.example", "fail", QUARANTINE, "its own record, ten labels down"),
    _case(
        "deeper", "b@x.a.b.c.d.e.f.g.deep.example", "fail", QUARANTINE, "the walk jumps and finds the organization"
    ),
    _case(
        "u-label",
        "b@müller.example",
        "pass",
        PASS,
        "From in U-labels, SPF in A-labels",
        "b@xn--mller-kva.example",
        client=CLIENT,
    ),
    _case(
        "trailing dot",
        "b@good.example.",
        "pass",
        PASS,
        "a final dot in From means the same name",
        "b@good.example",
        client=CLIENT,
    ),
    _case("upper case", "b@GOOD.Example", "pass", PASS, "case does not matter", "b@good.example", client=CLIENT),
    _case(
        "silent policy",
        "b@servfail.world.example",
        "temperror",
        SILENT,
        "the policy fails to load: nothing is refused",
    ),
    _case("null path unsigned", "b@good.example", "fail", REJECT, "a bounce in somebody's name by a stranger", ""),
    _case("null path signed", "b@good.example", "pass", PASS, "a bounce signed by the domain", "", "good.example"),
    _case(
        "third signature",
        "b@mild.example",
        "pass",
        PASS,
        "the aligned one is the third",
        signed="good.example plain.example mild.example",
    ),
    _case(
        "none aligned of three",
        "b@mild.example",
        "fail",
        QUARANTINE,
        "three good ones, none aligned",
        signed="good.example plain.example list.example",
    ),
]
