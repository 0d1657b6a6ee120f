"""The zone of the small Internet: who publishes what, and the people behind the MX."""

from tests.internet.signing import key_record
from tests.internet.situation import Zone

ZONE: Zone = {
    # a sender that does everything right
    ("good.example", "TXT"): ["v=spf1 ip4:192.0.2.10 ip6:2001:db8:1::10 -all"],
    ("good.example", "A"): ["192.0.2.10"],
    ("good.example", "MX"): ["10 mail.good.example"],
    ("mail.good.example", "A"): ["192.0.2.10"],
    ("mail.good.example", "AAAA"): ["2001:db8:1::10"],
    ("mail.good.example", "TXT"): ["v=spf1 a -all"],
    ("10.2.0.192.in-addr.arpa", "PTR"): ["mail.good.example"],
    ("s1._domainkey.good.example", "TXT"): [key_record("rsa")],
    ("e1._domainkey.good.example", "TXT"): [key_record("ed25519")],
    ("_dmarc.good.example", "TXT"): ["v=DMARC1; p=reject"],
    # the same with a milder policy
    ("mild.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("s1._domainkey.mild.example", "TXT"): [key_record("rsa")],
    ("_dmarc.mild.example", "TXT"): ["v=DMARC1; p=quarantine"],
    # one that only watches
    ("watch.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("s1._domainkey.watch.example", "TXT"): [key_record("rsa")],
    ("_dmarc.watch.example", "TXT"): ["v=DMARC1; p=none; rua=mailto:r@watch.example"],
    # one without DMARC
    ("plain.example", "TXT"): ["v=spf1 ip4:192.0.2.10 -all"],
    ("s1._domainkey.plain.example", "TXT"): [key_record("rsa")],
    # a mailing list and a forwarder
    ("list.example", "TXT"): ["v=spf1 ip4:198.51.100.20 -all"],
    ("s1._domainkey.list.example", "TXT"): [key_record("rsa")],
    ("_dmarc.list.example", "TXT"): ["v=DMARC1; p=none"],
    ("relay.example", "TXT"): ["v=spf1 ip4:198.51.100.20 -all"],
    ("s1._domainkey.relay.example", "TXT"): [key_record("rsa")],
}
