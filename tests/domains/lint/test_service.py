"""The linter as a use case: own records beyond reproach, the real DNS, turns and budgets, panel and API."""

import threading
from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone

from domains.dkim.slots import slots_of
from domains.errors import Forbidden, Refused, TooMany
from domains.identifiers import new_identifier
from domains.lint.finding import Code, Kind, Level
from domains.lint.record import kind_at, lint_record
from domains.lint.zone import lint_zone
from domains.models import AcmeAccount, AuditRecord, Domain, KeyState, Role
from domains.services import allowance, lint, mta_sts
from domains.services.dmarc_policy import set_policy
from domains.services.kinds import Purpose, add_domain, set_purpose
from domains.services.publication import desired_records, zone_text
from domains.tls.mta_sts import serialise_policy
from domains.views.lint import pieces_of
from domains.views.lint_words import SENTENCES
from tests.api.people import call, make_world
from tests.certificates import Authority
from tests.factories import domain_admin_act, make_administrator, make_domain, superadmin_act
from tests.panel.people import signed_in

pytestmark = pytest.mark.django_db

KINDS = {"MX": Kind.MX, "SRV": Kind.SRV, "TLSA": Kind.TLSA, "CAA": Kind.CAA}


def somebody():
    """A superadministrator who asked for nothing yet within the hour."""
    return replace(superadmin_act(), name=new_identifier())


def bad(findings):
    """Every finding that is more than a note."""
    return [(row.level.value, row.code.value, row.values) for row in findings if row.level is not Level.NOTE]


@pytest.fixture
def every_kind(db, settings, tmp_path):
    """An installation that emits all it can."""
    AcmeAccount.objects.create(
        directory_url="https://ca.example.net/directory",
        uri="https://ca.example.net/acct/1",
        key_sealed=b"",
        caa_identities=["ca.example.net"],
        agreed_by="rosa",
        agreed_at=timezone.now(),
    )
    cert, key = Authority(tmp_path).issue("mail.acme.example")
    settings.MAILADMIN = replace(
        settings.MAILADMIN,
        hostname="mail.acme.example",
        url="https://panel.acme.example",
        tls_cert=cert,
        tls_key=key,
        public_addresses=("193.0.6.139", "2001:67c:2e8:22::c100:68b"),
    )


NAMES = ["acme.example", "sub.acme.example", "xn--bcher-kva.example", "a.b.c.d.example", f"{'a' * 63}.example",
         f"{'b' * 60}.{'c' * 60}.{'d' * 60}.example"]  # fmt: skip


@pytest.mark.usefixtures("every_kind")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_against_what_we_ask_to_publish(name):
    domain = make_domain(name)
    Domain.objects.filter(pk=domain.pk).update(mta_sts="testing", bimi_logo="https://acme.example/logo.svg")
    set_policy(
        superadmin_act(), name, policy="reject", nonexistent_policy="reject", report_addresses=["d@other.example"]
    )
    key = domain.dkim_keys.order_by("pk")[0]
    domain.dkim_keys.filter(pk=key.pk).update(state=KeyState.REVOKED)
    domain = Domain.objects.get(pk=domain.pk)
    records = desired_records(domain)
    assert {row.purpose for row in records} >= {"mx", "spf", "dkim", "dmarc", "dmarc-report", "mta-sts", "tls-rpt",
                                               "tlsa", "srv", "autoconfig", "ptr", "host", "bimi", "caa"}  # fmt: skip
    for row in records:
        if row.type == "TXT" and kind_at(row.name, row.value) is None:
            assert row.purpose == "ownership"
    assert complaints(name)[0] == []
    assert bad(lint_record(Kind.MTA_STS_POLICY, serialise_policy(mta_sts.policy_of(domain)))) == []


def complaints(name):
    """What is to be said, but for notes, of all that a domain should publish: record by record, zone by zone."""
    records = desired_records(Domain.objects.get(name=name))
    found = []
    for row in records:
        kind = kind_at(row.name, row.value) if row.type == "TXT" else KINDS.get(row.type)
        found += bad(lint_record(kind, row.value, row.name)) if kind is not None else []
    for zone in {row.zone for row in records}:
        found += bad(lint_zone(zone_text(records, zone)))
    return found, {row.purpose for row in records}


@pytest.mark.usefixtures("every_kind")
def test_nothing_is_said_against_parked_domains_aliases_and_keys_behind_aliases():
    act = superadmin_act()
    add_domain(act, "acme.example", Purpose())
    add_domain(act, "alias.example", Purpose("alias", "acme.example"))
    add_domain(act, "parked.example", Purpose("parked"))
    set_purpose(act, make_domain("was-used.example").name, Purpose("parked", reports_to="d@other.example"))
    domain = make_domain("hosted.example")
    Domain.objects.filter(pk=domain.pk).update(key_zone="keys.acme.example")
    for number, key in enumerate(domain.dkim_keys.order_by("pk")):
        slot = slots_of(key.algorithm)[0]
        domain.dkim_keys.filter(pk=key.pk).update(hosted_in="keys.acme.example", selector=slot or f"s{number}")
    for name in ("acme.example", "alias.example", "parked.example", "was-used.example", "hosted.example"):
        found, purposes = complaints(name)
        zones = {row.zone for row in desired_records(Domain.objects.get(name=name))}
        assert ("keys.acme.example" in zones) is (name == "hosted.example")
        assert found == [], name
        assert {"mx", "spf", "dmarc", "dkim"} <= purposes


def test_every_code_has_its_sentence():
    assert set(SENTENCES) == set(Code)


def test_a_domain_of_the_dns(dns_settings):
    dns_settings.load_zone_text('acme.example. 60 IN MX 10 mail.acme.example.\nacme.example. 60 IN TXT "v=spf1 +all"')
    report = lint.lint_name(somebody(), "ACME.example.")
    said = {finding.code.value for row in report.rows for finding in row.findings}
    assert report.name == "acme.example"
    assert {"spf-plus-all", "host-no-address", "dmarc-missing"} <= said


def test_own_keys_are_found_by_their_selectors(dns_settings):
    domain = make_domain()
    dns_settings.load_zone_text(zone_text(desired_records(domain), domain.name))
    names = [row.name for row in lint.lint_name(somebody(), domain.name).rows if row.text]
    assert {f"{key.selector}._domainkey.acme.example" for key in domain.dkim_keys.all()} <= set(names)
    stranger = domain_admin_act(make_domain("other.example"))
    names = [row.name for row in lint.lint_name(stranger, domain.name).rows if row.kind is Kind.DKIM]
    assert names == ["_domainkey.acme.example"]


def test_one_actor_has_one_turn_and_so_many_an_hour(monkeypatch, dns_settings):
    monkeypatch.setattr(lint, "DOMAINS_AN_HOUR", 2)
    act = domain_admin_act(make_domain("near.example"))
    act = replace(act, name=new_identifier())
    for _ in range(2):
        lint.lint_name(act, "acme.example")
    with pytest.raises(TooMany):
        lint.lint_name(act, "acme.example")
    lint.lint_name(replace(act, name=new_identifier()), "acme.example")


@pytest.mark.django_db(transaction=True)
def test_the_second_at_once_is_refused():
    act = somebody()
    held, free = threading.Event(), threading.Event()

    def hold():
        from django.db import connection

        with allowance.one_of(act, "try", 1000):
            held.set()
            free.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    try:
        with pytest.raises(TooMany), allowance.one_of(act, "try", 1000):
            pass
    finally:
        free.set()
        thread.join()
    with allowance.one_of(act, "try", 1000):
        pass


@pytest.mark.parametrize(
    ("text", "kind"),
    [("good morning", ""), ("", ""), ("x" * 70_000, "spf")],
)
def test_what_is_no_record_is_refused(text, kind):
    with pytest.raises(Refused):
        lint.lint_pasted(superadmin_act(), text, kind)


@pytest.mark.parametrize(
    "text", ["a b", "x" * 300 + ".example", "🙂.example\n.", "no-dot", "192.0.2.1", "a\0b.example"]
)
def test_what_is_no_domain_is_refused(text):
    with pytest.raises(Refused):
        lint.lint_name(somebody(), text)


def test_owners_have_no_linter():
    act = replace(superadmin_act(), role=Role.OWNER)
    with pytest.raises(Forbidden):
        lint.lint_name(act, "acme.example")
    with pytest.raises(Forbidden):
        lint.lint_pasted(act, "v=spf1 -all")


def test_names_of_other_scripts_are_taken():
    report = lint.lint_pasted(
        superadmin_act(), "v=DMARC1; p=reject; rua=mailto:d@bücher.example", name="_dmarc.Bücher.example"
    )
    assert report.name == "_dmarc.xn--bcher-kva.example"
    assert {finding.code.value for finding in report.rows[0].findings} == {"not-ascii"}


# ---- API --------------------------------------------------------------------------------------------------------


def test_the_api_gives_places_and_sentences():
    make_world()
    before = AuditRecord.objects.count()
    answer = call("POST", "/lint", body={"record": "v=spf1 mx +all", "name": "acme.example"})
    body = answer.json()
    assert answer.status_code == 200, body
    assert (body["subject"], body["errors"], body["warnings"]) == ("record", 1, 0)
    (record,) = body["records"]
    (finding,) = record["findings"]
    assert finding | {"message": ""} == {
        "level": "error", "code": "spf-plus-all", "message": "", "start": 10, "end": 14, "line": 1, "excerpt": "+all",
    }  # fmt: skip
    assert finding["message"].startswith("The record lets every server")
    assert AuditRecord.objects.count() == before


def test_the_api_looks_a_domain_up(dns_settings):
    make_world()
    dns_settings.zone[("acme.example", "TXT")] = ["v=spf1 include:none.example -all"]
    body = call("POST", "/lint", "domain_admin", body={"domain": "acme.example"}).json()
    assert body["subject"] == "domain"
    assert {"tree-no-record", "mx-missing"} <= {
        row["code"] for record in body["records"] for row in record["findings"]
    }
    assert [record["lookups"] for record in body["records"] if record["kind"] == "spf"] == [1]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"domain": "a.example", "record": "x"}, 422),
        ({"record": "good morning"}, 422),
        ({"record": "v=spf1 -all", "kind": "nonsense"}, 422),
        ({"record": "x" * 70_000}, 422),
        ({"domain": "no domain"}, 422),
        ({"domain": "a\n.example"}, 422),
        ({"record": "v=spf1 \u0000🙂 -all"}, 200),
        ({"record": "hello", "kind": "spf", "name": "\u0000"}, 200),
        ({"record": "v=spf1 -all", "name": "🙂" * 900}, 200),
    ],
)
def test_bad_input_of_the_api(body, status):
    make_world()
    assert call("POST", "/lint", body=body).status_code == status


def test_too_many_are_429(monkeypatch, dns_settings):
    make_world()
    monkeypatch.setattr(lint, "DOMAINS_AN_HOUR", 0)
    answer = call("POST", "/lint", body={"domain": "acme.example"})
    assert (answer.status_code, answer["content-type"]) == (429, "application/problem+json")


# ---- Panel ------------------------------------------------------------------------------------------------------


@pytest.fixture
def dora():
    """The administrator of near.example."""
    return make_administrator("dora@operator.example", make_domain("near.example"))


def shown(actor, text):
    response = signed_in(actor).post("/lint", {"text": text})
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_marks_the_place(dora):
    page = shown(dora, "v=spf1 mx <b>x</b> +all")
    assert '<mark class="lint-error">+all</mark>' in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page
    assert "1 error" not in page
    assert "2 errors" in page


def test_the_page_takes_a_domain_and_an_address(dora, dns_settings):
    dns_settings.zone[("acme.example", "TXT")] = ["v=spf1 include:b.example -all"]
    dns_settings.zone[("b.example", "TXT")] = ["v=spf1 a:c.example -all"]
    page = shown(dora, "alice@Acme.example")
    assert "acme.example" in page
    assert "a:c.example" in page
    assert "2 look-ups of 10" in page


def test_lines_of_a_form_are_lines_of_a_zone(dora):
    page = shown(dora, "$ORIGIN acme.example.\r\n@ TXT v=spf1 mx -all\r\n@ MX 10 mail.acme.example\r\n")
    assert "Line 2" in page
    assert "Line 3" in page


@pytest.mark.parametrize("text", ["good morning", "", "\0", "x" * 66_000, "🙂"])
def test_the_page_says_what_it_cannot_read(dora, text):
    page = shown(dora, text)
    assert "errorlist" in page
    assert 'id="result"' not in page


def test_the_page_says_when_the_budget_is_used_up(dora, monkeypatch, dns_settings):
    monkeypatch.setattr(lint, "DOMAINS_AN_HOUR", 0)
    assert "which is the limit" in shown(dora, "acme.example")


def test_the_field_can_be_filled_by_the_address(dora):
    page = signed_in(dora).get("/lint?q=acme.example").content.decode()
    assert ">\nacme.example</textarea>" in page
    assert 'id="result"' not in page
    assert Client().get("/lint").status_code == 302


def test_pieces_are_the_text():
    text = "v=spf1 ptr ptr\0 +all"
    pieces = pieces_of(text, tuple(lint_record(Kind.SPF, text)))
    assert "".join(piece.text for piece in pieces).replace("␀", "\0") == text
