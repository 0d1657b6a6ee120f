"""Which addresses may be reached, whatever they are dressed in."""

from ipaddress import ip_network

import pytest

from domains.reach import refuse_address

NOBODY: frozenset[tuple[str, int]] = frozenset()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.43.8", True),
        ("2001:500:88:200::8", True),
        ("64:ff9b::c000:2b08", True),  # NAT64 of 192.0.43.8
        ("127.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("2002:7f00:1::", False),
        ("2002:a00:1::1", False),
    ],
)
def test_public_addresses_only(address: str, allowed: bool) -> None:
    assert (refuse_address(address, 80, NOBODY, ()) == "") is allowed


def test_what_the_operator_names_is_allowed() -> None:
    private = (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "::1"):
        assert refuse_address(address, 80, NOBODY, private) == ""
    assert refuse_address("127.0.0.1", 80, NOBODY, private)


def test_our_own_place_is_a_loop() -> None:
    own = frozenset({("192.0.43.8", 25)})
    assert "would come back" in refuse_address("::ffff:192.0.43.8", 25, own, ())
    assert refuse_address("192.0.43.8", 26, own, ()) == ""
