"""From (RFC 5322, RFC 9989): what is judged must be what is shown. The caller has good.example alone."""

from tests.internet.signing import Signature
from tests.internet.situation import Mail, Situation, Zone

ZONE: Zone = {
    ("_dmarc.bank.example", "TXT"): ["v=DMARC1; p=quarantine"],
    ("bank.example", "TXT"): ["v=spf1 -all"],
    ("xn--gd-fmca.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
}
UNCLEAR, FAILS, PASSES = "from-unclear", "dmarc-fail-quarantine", "dmarc-pass"


def _case(name: str, author: str | None, row: str, why: str, *extra: str, **mail: object) -> Situation:
    outcome = {UNCLEAR: "permerror", FAILS: "fail", PASSES: "pass", "no-objection": "none"}[row]
    folder = "Junk" if row in (UNCLEAR, FAILS) else "INBOX"
    message = Mail(author=author, extra=extra, **mail)  # type: ignore[arg-type]
    return Situation(f"from {name}", why, f"spf=pass dmarc={outcome}", row, folder=folder, mail=message)


SITUATIONS = [
    _case("plain", "bob@good.example", PASSES, "himself"),
    _case("bank", "ceo@bank.example", FAILS, "plainly somebody else"),
    _case("missing", None, UNCLEAR, "no From at all"),
    _case("sender only", None, UNCLEAR, "Sender is no author", "Sender: bob@good.example"),
    _case("two fields", "bob@good.example", UNCLEAR, "two From fields", "From: ceo@bank.example"),
    _case("two fields alike", "bob@good.example", UNCLEAR, "even when they agree", "From: bob@good.example"),
    _case("hidden second", "bob@good.example", UNCLEAR, "spelt in another case", "FROM: ceo@bank.example"),
    _case("blank before colon", "bob@good.example", UNCLEAR, "obsolete, but a From", "From : ceo@bank.example"),
    _case("two domains", "bob@good.example, ceo@bank.example", UNCLEAR, "authors of two domains"),
    _case("two of one domain", "bob@good.example, carl@good.example", PASSES, "authors of one domain"),
    _case("group", "Team: bob@good.example;", PASSES, "a group of one domain"),
    _case("group of two", "Team: bob@good.example, ceo@bank.example;", UNCLEAR, "a group of two domains"),
    _case("empty group", "undisclosed-recipients:;", UNCLEAR, "a group of nobody"),
    _case("display name", '"ceo@bank.example" <bob@good.example>', PASSES, "a name is only a name"),
    _case("encoded name", "=?utf-8?q?ceo=40bank.example?= <bob@good.example>", PASSES, "encoded, still a name"),
    _case("bare name", "ceo@bank.example <bob@good.example>", UNCLEAR, "unquoted: some readers show the bank"),
    _case("two unseparated", "ceo@bank.example bob@good.example", UNCLEAR, "nothing separates them"),
    _case("semicolon", "bob@good.example; ceo@bank.example", UNCLEAR, "not a separator"),
    _case("two angles", "<bob@good.example> <ceo@bank.example>", UNCLEAR, "which one"),
    _case("trailing", "Bob <bob@good.example> ceo@bank.example", UNCLEAR, "something behind it"),
    _case("two ats", "bob@good.example@bank.example", UNCLEAR, "which domain"),
    _case("quoted at", '"ceo@bank.example"@good.example', PASSES, "quoted: the domain is good.example"),
    _case("quoted pair", '"ceo\\"@bank.example" <bob@good.example>', PASSES, "a quotation mark inside a name"),
    _case("comment", "bob@good.example (ceo@bank.example)", PASSES, "a comment"),
    _case("route", "<@bank.example:bob@good.example>", PASSES, "a source route names nobody"),
    _case("no local part", "<@good.example>", UNCLEAR, "nobody at good.example"),
    _case("no domain", "bob", UNCLEAR, "no domain"),
    _case("literal", "bob@[192.0.2.10]", UNCLEAR, "nobody publishes for an address"),
    _case("folded", "Bob\r\n <bob@good.example>", PASSES, "a folded line"),
    _case(
        "folded name", "bob@good.example", UNCLEAR, "a second From, its name folded", "From\r\n : ceo@bank.example"
    ),
    _case("encoded local part", "=?utf-8?q?ceo=40bank.example?=@good.example", UNCLEAR, "some readers decode it"),
    _case("group of a bank", "<ceo@bank.example>: bob@good.example;", UNCLEAR, "an address as a group's name"),
    _case(
        "continued above",
        "bob@good.example",
        UNCLEAR,
        "the first line would continue our own fields",
        change=lambda octets: b" From: ceo@bank.example\r\n" + octets,
    ),
    _case("open angle", "Bob <bob@good.example", UNCLEAR, "never closed"),
    _case("open quote", '"Bob <bob@good.example>', UNCLEAR, "never closed"),
    _case("confusable", "bob@gооd.example", "no-objection", "Cyrillic о: another domain, without any policy"),
    _case("resent", "ceo@bank.example", FAILS, "Resent-From is no author", "Resent-From: bob@good.example"),
    _case("reply-to", "bob@good.example", PASSES, "Reply-To is judged by nobody", "Reply-To: ceo@bank.example"),
    _case("not utf-8", "\udcff\udcfe <bob@good.example>", PASSES, "octets that are no text, in a name"),
    _case("long", "x" * 60_000 + " <bob@good.example>", PASSES, "a very long name"),
    _case("longer", "x" * 70_000 + " <bob@good.example>", UNCLEAR, "longer than any that is read"),
    _case("many", ", ".join(f"u{n}@good.example" for n in range(900)), PASSES, "nine hundred authors of one domain"),
    _case(
        "many and one",
        ", ".join(f"u{n}@good.example" for n in range(900)) + ", ceo@bank.example",
        UNCLEAR,
        "one more",
    ),
    _case(
        "duplicate fields",
        "bob@good.example",
        PASSES,
        "Subject twice is bad form only",
        "Subject: one",
        "Subject: two",
    ),
    _case("signed for another", "ceo@bank.example", FAILS, "signed by good.example", signed=[Signature()]),
]
