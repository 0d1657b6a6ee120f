"""Texts of a plan for other tools, exactly; what stays in a set is in them."""

import yaml

from domains.dns.update import SetChange
from domains.services.zone_changes import Set
from domains.services.zone_texts import nsupdate_script, octodns_text, terraform_text, zone_file

ZONE = "acme.example"
SETS = [
    Set(ZONE, "MX", 3600, ("10 mail.acme.example",)),
    Set(ZONE, "TXT", 3600, ('site="1";', "v=spf1 mx ${x} %{i} -all", "x" * 300)),
    Set(f"mail.{ZONE}", "A", 300, ("192.0.2.25",)),
    Set(f"_imaps._tcp.{ZONE}", "SRV", 3600, ("0 1 993 mail.acme.example",)),
    Set(f"autoconfig.{ZONE}", "CNAME", 3600, ("mail.acme.example",)),
    Set(f"_25._tcp.mail.{ZONE}", "TLSA", 3600, ("3 1 1 " + "ab" * 32,)),
    Set(f"parked.{ZONE}", "MX", 3600, ("0 .",)),
    Set(f"caa.{ZONE}", "CAA", 3600, ('0 issue "ca.example; accounturi=https://ca.example/1"',)),
]


def test_zone_file():
    assert zone_file(SETS, ZONE).splitlines() == [
        "$ORIGIN acme.example.",
        "acme.example. 3600 IN MX 10 mail.acme.example.",
        r'acme.example. 3600 IN TXT "site=\"1\";"',
        'acme.example. 3600 IN TXT "v=spf1 mx ${x} %{i} -all"',
        f'acme.example. 3600 IN TXT "{"x" * 255}" "{"x" * 45}"',
        "mail.acme.example. 300 IN A 192.0.2.25",
        "_imaps._tcp.acme.example. 3600 IN SRV 0 1 993 mail.acme.example.",
        "autoconfig.acme.example. 3600 IN CNAME mail.acme.example.",
        f"_25._tcp.mail.acme.example. 3600 IN TLSA 3 1 1 {'ab' * 32}",
        "parked.acme.example. 3600 IN MX 0 .",
        'caa.acme.example. 3600 IN CAA 0 issue "ca.example; accounturi=https://ca.example/1"',
    ]


def test_nsupdate_names_what_was_there():
    changes = [
        SetChange(ZONE, "TXT", 300, ('"a"', '"b"'), ('"b"',), ('"c"',)),
        SetChange(f"n.{ZONE}", "A", 60, (), (), ("192.0.2.1",)),
        SetChange(f"c.{ZONE}", "CNAME", 60, (), (), ("mail.acme.example.",)),
    ]
    assert nsupdate_script(changes, ZONE).splitlines() == [
        "zone acme.example.",
        'prereq yxrrset acme.example. TXT "a"',
        'prereq yxrrset acme.example. TXT "b"',
        "prereq nxrrset n.acme.example. A",
        "prereq nxrrset n.acme.example. CNAME",
        "prereq nxdomain c.acme.example.",
        'update delete acme.example. TXT "b"',
        'update add acme.example. 300 TXT "c"',
        "update add n.acme.example. 60 A 192.0.2.1",
        "update add c.acme.example. 60 CNAME mail.acme.example.",
        "send",
    ]


def test_octodns_reads_as_what_it_says():
    zone = yaml.safe_load(octodns_text(SETS, ZONE))
    assert zone[""][0] == {
        "type": "MX", "ttl": 3600, "values": [{"preference": 10, "exchange": "mail.acme.example."}]
    }  # fmt: skip
    assert zone[""][1]["values"][0] == 'site="1"\\;'
    assert zone["autoconfig"][0]["value"] == "mail.acme.example."
    assert zone["_25._tcp.mail"][0]["values"][0]["certificate_association_data"] == "ab" * 32
    assert zone["caa"][0]["values"][0]["value"] == "ca.example; accounturi=https://ca.example/1"
    assert list(zone) == sorted(zone)


def test_terraform():
    text = terraform_text(SETS, ZONE)
    assert (
        """resource "dns_mx_record_set" "mx_acme_example" {
  zone = "acme.example."
  ttl  = 3600
  mx {
    preference = 10
    exchange   = "mail.acme.example."
  }
}
"""
        in text
    )
    assert (
        """resource "dns_a_record_set" "a_mail_acme_example" {
  zone = "acme.example."
  name = "mail"
  ttl  = 300
  addresses = [
    "192.0.2.25",
  ]
}
"""
        in text
    )
    assert '"v=spf1 mx $${x} %%{i} -all",' in text
    assert 'exchange   = "."' in text
    assert "# TLSA _25._tcp.mail.acme.example: this tool has no way to say it" in text
