"""The table of networks: ranges in, the network of an address out, nothing for addresses of special use."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.network_table import (
    SPECIAL,
    UNKNOWN,
    Announced,
    BadTable,
    Network,
    NetworkTable,
    Registered,
    serialise_table,
)


def announced(first: str, last: str, number: int, owner: str) -> Announced:
    begin, end = ip_address(first), ip_address(last)
    return Announced(begin.version, int(begin), int(end), number, owner)


def registered(first: str, last: str, country: str) -> Registered:
    begin, end = ip_address(first), ip_address(last)
    return Registered(begin.version, int(begin), int(end), country)


OCTETS = serialise_table(
    "2026-06-17",
    [
        announced("8.8.8.0", "8.8.8.255", 64500, "Größe Net"),
        announced("8.8.9.0", "8.8.9.255", 64501, "Second"),
        announced("0.0.0.0", "255.255.255.255", 64999, "Everything"),
        announced("2a00:100::", "2a00:1ff:ffff:ffff:ffff:ffff:ffff:ffff", 64502, "Six"),
        announced("2a00:300::", "2a00:300::7", 64503, "Narrow"),
    ],
    [
        registered("8.8.8.128", "8.8.9.127", "CH"),
        registered("9.0.0.0", "9.255.255.255", "FR"),
        registered("2a00:180::", "2a00:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "DE"),
    ],
)
TABLE = NetworkTable(memoryview(OCTETS))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.0", Network(64500, "Größe Net", "")),  # the first address, no country
        ("8.8.8.128", Network(64500, "Größe Net", "CH")),
        ("8.8.9.0", Network(64501, "Second", "CH")),
        ("8.8.9.128", Network(64501, "Second", "")),
        ("8.8.9.255", Network(64501, "Second", "")),  # the last
        ("9.1.2.3", Network(0, "", "FR")),  # the wide range ended where a later one began
        ("::ffff:8.8.8.8", Network(64500, "Größe Net", "")),  # the IPv4 address that it is
        ("2a00:100::1", Network(64502, "Six", "")),
        ("2a00:1ff:ffff::", Network(64502, "Six", "DE")),
        ("2a00:200::", UNKNOWN),  # just behind
        ("2a00:300::1", UNKNOWN),  # narrower than a /64
        ("1.2.3.4.5", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_the_network_of_an_address(address: str, network: Network) -> None:
    assert TABLE.find(address) == network


@pytest.mark.parametrize("network", SPECIAL)
def test_nothing_is_known_of_addresses_of_special_use(network: str) -> None:
    every = serialise_table(
        "2026-06-17",
        [Announced(4, 0, 2**32 - 1, 64500, "All"), Announced(6, 0, 2**128 - 1, 64500, "All")],
        [Registered(4, 0, 2**32 - 1, "FR"), Registered(6, 0, 2**128 - 1, "FR")],
    )
    table = NetworkTable(memoryview(every))
    assert table.find(network.partition("/")[0]) == UNKNOWN
    assert table.find("8.8.8.8").number == table.find("2a00::1").number == 64500


def test_a_network_is_called_by_its_owner_and_number() -> None:
    assert Network(64500, "Example", "FR").label == "Example (AS64500)"
    assert Network(64500).label == "AS64500"
    assert Network(0, "", "FR").label == ""


def test_the_edition_is_told() -> None:
    assert TABLE.edition == "2026-06-17"


@pytest.mark.parametrize("octets", [b"", b"rubbish" * 20, OCTETS[:-1], OCTETS + b"x", b"X" + OCTETS[1:]])
def test_what_is_no_table_is_refused(octets: bytes) -> None:
    with pytest.raises(BadTable):
        NetworkTable(memoryview(octets))


def test_an_empty_table_knows_nothing() -> None:
    assert NetworkTable(memoryview(serialise_table("", [], []))).find("8.8.8.8") == UNKNOWN


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 9)), max_size=30), st.integers(0, 9000))
def test_what_is_found_is_what_the_ranges_say(steps: list[tuple[int, int]], asked: int) -> None:
    base, first, ranges = int(ip_address("8.0.0.0")), 0, []
    for length, number in steps:
        ranges.append((first, first + length - 1, number))
        first += length + (length % 3)
    rows = [Announced(4, base + begin, base + end, number, f"N{number}") for begin, end, number in ranges]
    table = NetworkTable(memoryview(serialise_table("", rows, [])))
    expected = next((number for begin, end, number in ranges if begin <= asked <= end), 0)
    assert table.find(str(ip_address(base + asked))).number == expected
