"""The records to publish: the zone text says the same as the JSON, read by another's parser."""

import subprocess
from dataclasses import replace

import dns.rdatatype
import dns.zone
import pytest

from domains.dkim.record import split_strings
from domains.models import Domain
from domains.services import dmarc_policy, provision
from domains.services.publication import desired_records, zone_text
from tests.certificates import Authority
from tests.factories import domain_admin_act, make_administrator, make_domain, superadmin_act

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _host(settings, tmp_path):
    cert, key = Authority(tmp_path).issue("mail.acme.example")
    settings.MAILADMIN = replace(
        settings.MAILADMIN,
        hostname="mail.acme.example",
        public_addresses=("192.0.2.25", "2001:db8::25"),
        tls_cert=cert,
        tls_key=key,
    )


def read_zone(text, origin):
    """The records of zone text as (name, type, value), TXT strings joined."""
    zone = dns.zone.from_text(text, origin=origin, relativize=False, check_origin=False)
    rows = set()
    for name, ttl, rdata in zone.iterate_rdatas():
        kind = dns.rdatatype.to_text(rdata.rdtype)
        value = b"".join(rdata.strings).decode() if kind == "TXT" else rdata.to_text().removesuffix(".")
        rows.add((name.to_text(omit_final_dot=True), kind, ttl, value))
    return rows


def test_zone_text_read_again_equals_the_records():
    domain = make_domain()
    records = desired_records(domain)
    expected = {(row.name, row.type, row.ttl, row.value) for row in records if row.zone == domain.name}
    assert read_zone(zone_text(records, domain.name), f"{domain.name}.") == expected
    assert len(expected) == len([row for row in records if row.zone == domain.name])


def test_an_international_domain_is_published_in_a_labels():
    domain = make_domain("bücher.example")
    text = zone_text(desired_records(domain), domain.name)
    assert text.isascii()
    assert "xn--bcher-kva.example. 3600 IN MX" in text


def test_every_purpose_of_the_contract_that_exists_is_emitted():
    rows = desired_records(make_domain())
    assert [row.purpose for row in rows if row.purpose == "dkim"] == ["dkim", "dkim"]
    purposes = {row.purpose for row in rows}
    assert purposes == {"mx", "host", "ptr", "spf", "dkim", "dmarc", "tls-rpt", "tlsa", "srv", "autoconfig"}
    values = {row.purpose: row.value for row in rows}
    assert values["spf"] == "v=spf1 mx ip4:192.0.2.25 ip6:2001:db8::25 -all"
    assert values["dmarc"] == "v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example"
    assert values["tls-rpt"] == "v=TLSRPTv1; rua=mailto:tls-reports@acme.example"
    assert all(row.about for row in rows)


def test_a_pending_domain_is_asked_for_its_token_first():
    act = domain_admin_act(actor=make_administrator("dora@operator.example"))
    domain = provision.create_domain(act, "gmail.example")
    first = desired_records(domain)[0]
    assert (first.purpose, first.type) == ("ownership", "TXT")
    assert domain.ownership_token in first.value


def test_a_host_outside_the_domain_is_not_in_its_zone_text():
    domain = make_domain("other.example")
    records = desired_records(domain)
    assert {row.zone for row in records if row.purpose == "host"} == {"acme.example"}
    assert "\nmail.acme.example." not in zone_text(records, domain.name)


@pytest.mark.parametrize("length", [0, 1, 254, 255, 256, 510, 511, 4000])
def test_strings_hold_at_most_255_octets_and_join_to_the_value(length):
    value = "x" * length
    strings = split_strings(value)
    assert "".join(strings) == value
    assert all(len(text) <= 255 for text in strings)
    assert len(strings) == max(1, -(-length // 255))


def test_the_rsa_key_is_split_in_zone_text():
    domain = make_domain()
    line = next(row for row in zone_text(desired_records(domain), domain.name).splitlines() if "k=rsa" in row)
    parts = [part for part in line.split('"') if "p=" in part or len(part) > 100]
    assert len(parts) == 2
    assert len(parts[0]) == 255


def rows_for(purpose, name="acme.example"):
    return [row for row in desired_records(make_domain(name)) if row.purpose == purpose]


def test_the_reverse_names_belong_to_zones_of_their_own():
    rows = rows_for("ptr")
    assert [(row.name, row.zone, row.type, row.value) for row in rows] == [
        ("25.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa", "PTR", "mail.acme.example"),
        (
            "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "PTR",
            "mail.acme.example",
        ),
    ]
    assert all(row.required for row in rows)
    assert "arpa" not in zone_text(rows, "acme.example")


def test_the_tlsa_record_is_what_openssl_says_of_the_key(settings):
    def openssl(*arguments, octets=b""):
        return subprocess.run(["openssl", *arguments], input=octets, capture_output=True, check=True).stdout

    pem = openssl("x509", "-in", str(settings.MAILADMIN.tls_cert), "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "DER", octets=pem)
    digest = openssl("dgst", "-sha256", "-r", octets=der).split()[0].decode()
    [row] = rows_for("tlsa")
    assert (row.name, row.value) == ("_25._tcp.mail.acme.example", f"3 1 1 {digest}")
    assert (row.zone, row.required) == ("acme.example", False)
    assert {row.zone for row in rows_for("tlsa", "other.example")} == {"acme.example"}


def test_without_a_certificate_nothing_is_pinned(settings, tmp_path):
    settings.MAILADMIN = replace(settings.MAILADMIN, tls_cert=tmp_path / "none.pem")
    assert rows_for("tlsa") == []
    (tmp_path / "none.pem").write_text("no certificate")
    assert rows_for("tlsa", "b.example") == []


def test_a_renewed_certificate_is_seen_at_once(settings, tmp_path):
    [before] = rows_for("tlsa")
    other, _key = Authority(tmp_path).issue("other.example")
    settings.MAILADMIN.tls_cert.write_bytes(other.read_bytes())
    [after] = rows_for("tlsa", "b.example")
    assert before.value != after.value


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd00::1", "fe80::1"])
def test_an_address_that_nobody_outside_sees_has_no_reverse_name(settings, address):
    settings.MAILADMIN = replace(settings.MAILADMIN, public_addresses=(address,))
    assert rows_for("ptr") == []


@pytest.mark.parametrize("host", ["autoconfig", "autodiscover", "mta-sts"])
def test_no_name_is_an_alias_of_itself(settings, host):
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname=f"{host}.acme.example")
    make_domain()
    Domain.objects.update(mta_sts="testing")
    rows = desired_records(Domain.objects.get())
    assert [row.name for row in rows if row.type == "CNAME" and row.name == row.value] == []
    assert [row.value for row in rows if row.type == "CNAME"] == [f"{host}.acme.example"] * 2


def test_another_domain_that_gets_the_reports_has_to_agree():
    make_domain()
    chosen = ["d@reports.example", "e@reports.example", "x@sub.acme.example", "y@Elsewhere.example"]
    dmarc_policy.set_policy(superadmin_act(), "acme.example", report_addresses=chosen)
    rows = [row for row in desired_records(Domain.objects.get()) if row.purpose == "dmarc-report"]
    assert [(row.name, row.zone, row.value, row.required) for row in rows] == [
        ("acme.example._report._dmarc.elsewhere.example", "elsewhere.example", "v=DMARC1;", False),
        ("acme.example._report._dmarc.reports.example", "reports.example", "v=DMARC1;", False),
    ]
    assert all("agrees" in row.about for row in rows)
