"""Signs of a detour: what counts as a mailing list, whose signature is a forwarder's, and which network is known."""

from datetime import date, timedelta

import pytest

from antispam.disposition.forwarders import known_forwarder
from antispam.disposition.mailing_list import SIGN_OCTETS, mailing_list_sign
from antispam.disposition.networks import GOOD_DAYS, KEPT, STANDING, is_known, network_of
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import DkimSignature
from mailboxes.mime.headers import read_block

LISTS = [
    ("List-Id: Developers <dev.lists.example>", "dev.lists.example", "RFC 2919"),
    ("List-ID: <dev.lists.example>", "dev.lists.example", "without a phrase"),
    ("list-id:\r\n Developers\r\n <dev.lists.example>", "dev.lists.example", "folded"),
    ("List-Id: dev.lists.example", "dev.lists.example", "without brackets"),
    ("List-Id: =?utf-8?q?D=C3=A9v?= <dev.lists.example>", "dev.lists.example", "an encoded phrase"),
    ("List-Post: <mailto:dev@lists.example>", "List-Post: <mailto:dev@lists.example>", "RFC 2369"),
    ("Mailing-List: contact dev-help@lists.example; run by ezmlm", None, "ezmlm"),
    ("X-Mailing-List: <linux@vger.example>", None, "older servers"),
    ("X-BeenThere: dev@lists.example", None, "Mailman"),
    ("Precedence: list", "Precedence: list", "the least of them"),
    ("Precedence: LIST", "Precedence: list", "in any letters"),
    ("Precedence: bulk", "", "a newsletter"),
    ("List-Unsubscribe: <https://news.example/u>", "", "newsletters carry it too"),
    ("List-Id:", "", "empty"),
    ("Subject: List-Id: <x>", "", "only a subject"),
    ("X-List-Id: <x>", "", "another field"),
]


@pytest.mark.parametrize(("field", "sign", "why"), LISTS, ids=[row[-1] for row in LISTS])
def test_a_mailing_list_is_told_by_its_fields(field, sign, why):
    fields = read_block(f"From: a@b.example\r\n{field}\r\n\r\nbody".encode()).fields
    found = mailing_list_sign(fields)
    assert found == sign if sign is not None else found.lower().startswith(field.partition(":")[0].lower())


def test_the_strongest_sign_is_told_and_the_first_of_several():
    block = b"Precedence: list\r\nList-Post: <mailto:x@y>\r\nList-Id: <one.example>\r\nList-Id: <two.example>\r\n\r\n"
    assert mailing_list_sign(read_block(block).fields) == "one.example"


@pytest.mark.parametrize("value", [b"<" * 60_000, b"\xff\x00" * 30_000, b"<" + b"a" * 60_000 + b">"])
def test_a_hostile_value_gives_a_short_sign(value):
    assert len(mailing_list_sign(read_block(b"List-Id: " + value + b"\r\n\r\n").fields)) <= SIGN_OCTETS


def signed(domain, result=DkimResult.PASS):
    return [DkimSignature(DkimResult.FAIL, "", "first.example"), DkimSignature(result, "", domain)]


@pytest.mark.parametrize(
    ("domain", "result", "forwarder"),
    [
        ("groups.io", DkimResult.PASS, "groups.io"),
        ("Groups.IO", DkimResult.PASS, "groups.io"),
        ("a.b.googlegroups.com", DkimResult.PASS, "a.b.googlegroups.com"),
        ("mygroups.io", DkimResult.PASS, ""),
        ("groups.io", DkimResult.FAIL, ""),
        ("groups.io", DkimResult.POLICY, ""),
        ("alumni.example", DkimResult.PASS, "alumni.example"),
        ("example", DkimResult.PASS, ""),
        ("io", DkimResult.PASS, ""),
    ],
)
def test_only_a_valid_signature_of_a_known_forwarder_counts(domain, result, forwarder):
    assert known_forwarder(signed(domain, result), ["alumni.example"]) == forwarder


NETWORKS = [
    ("192.0.2.77", "192.0.2.0/24"),
    ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ("::ffff:192.0.2.77", "192.0.2.0/24"),
    ("fe80::1%eth0", "fe80::/64"),
    ("", ""),
    ("mail.example", ""),
]


@pytest.mark.parametrize(("address", "network"), NETWORKS)
def test_a_network_is_a_24_or_a_64(address, network):
    assert network_of(address) == network


TODAY = date(2026, 11, 25)
STANDINGS = [
    (STANDING.days, 0, GOOD_DAYS, True, "just enough"),
    (STANDING.days, 0, GOOD_DAYS - 1, False, "too few days"),
    (STANDING.days - 1, 0, GOOD_DAYS, False, "too young"),
    (400, KEPT.days, 300, True, "last seen as long ago as counts"),
    (400, KEPT.days + 1, 300, False, "not seen for too long"),
    (0, 0, 1, False, "a single day, whatever came"),
]


@pytest.mark.parametrize(("first", "last", "days", "known", "why"), STANDINGS, ids=[row[-1] for row in STANDINGS])
def test_a_network_earns_its_standing_slowly(first, last, days, known, why):
    assert is_known(TODAY - timedelta(first), TODAY - timedelta(last), days, TODAY) is known
