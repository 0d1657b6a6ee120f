"""Another SPF record tried on mail that came in here: answers of then, and of now for what was not asked."""

import pytest

from antispam.services.spf_what_if import try_spf_record
from antispam.tried import Tried
from domains.models import Domain
from tests.antispam.story_samples import Sample
from tests.antispam.test_received import WEEK, arrive
from tests.api.people import call, make_token
from tests.factories import make_domain, superadmin_act

NULL = Sample("null", mail_from="", author="MAILER-DAEMON@plain.example", helo="plain.example")
RELAYED = Sample(
    "relayed", mail_from="x@lists.example", zone={("lists.example", "TXT"): ["v=spf1 include:shop.example"]}
)


def tried(name: str, record: str) -> Tried:
    return try_spf_record(superadmin_act(), Domain.objects.get(name=name), record, *WEEK).received


def changes(found: Tried) -> list[tuple[str, str, str, str]]:
    return [(one.before.spf, one.after.spf, one.after.dmarc, one.after.disposition) for one in found.flips]


# message, domain, record, the SPF result before and after, what is asked for and done then, why
FLIPS = [
    ("spf-only", "shop.example", "v=spf1 -all", ("pass", "fail", "reject", "refuse"), "nothing else proves it"),
    ("pass", "shop.example", "v=spf1 ~all", ("pass", "softfail", "pass", "inbox"), "the signature carries it"),
    (
        "pass",
        "shop.example",
        "v=spf1 include:a.shop.example",
        ("pass", "permerror", "pass", "inbox"),
        "no such record",
    ),
    ("spf-only", "shop.example", "v=spf1 include:_spf.mailer.example -all", None, "by the answers of then"),
    ("spf-only", "shop.example", "v=spf1 include:new.example -all", None, "asked now, and it is in there"),
    ("fail", "bank.example", "v=spf1 +all", None, "its envelope names another domain"),
    (NULL, "plain.example", "v=spf1 -all", ("pass", "fail", "none", "inbox"), "the HELO name was checked"),
    (RELAYED, "shop.example", "v=spf1 -all", ("pass", "neutral", "reject", "refuse"), "another record includes it"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("sample", "domain", "record", "expected", "why"), FLIPS)
def test_what_another_record_would_have_done(sample, domain, record, expected, why, dns_settings):
    dns_settings.zone |= {("new.example", "TXT"): ["v=spf1 ip4:192.0.2.25 -all"]}
    make_domain(domain)
    make_domain("acme.example")
    arrive(sample)
    found = tried(domain, record)
    assert changes(found) == ([expected] if expected else []), why
    assert (found.kept, found.messages, found.undecided) == (1, 1, 0)


@pytest.mark.django_db
def test_silence_of_now_is_undecided(dns_settings):
    dns_settings.failing |= {"new.example"}
    make_domain("shop.example")
    arrive("spf-only")
    found = tried("shop.example", "v=spf1 include:new.example -all")
    assert (found.messages, found.unchanged, found.undecided, found.flips) == (1, 0, 1, ())


@pytest.mark.django_db
def test_the_call_tells_of_received_mail(dns_settings):
    make_domain("shop.example")
    make_token("superadmin", "superadmin", None)
    arrive("spf-only")
    answer = call("POST", "/domains/shop.example/spf/what-if", body={"record": "v=spf1 -all"}).json()["received"]
    (flip,) = answer["flips"]
    assert (answer["stored"], answer["changed"]) == (1, 1)
    assert (flip["spf_before"], flip["spf_after"], flip["dmarc_before"], flip["dmarc_after"]) == (
        "pass", "fail", "pass", "reject",
    )  # fmt: skip
