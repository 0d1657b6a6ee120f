"""The counts behind the limits of the MX: by address and network, in windows, with others and alone, bounded."""

import pytest

from antispam.limits.counts import MOST, Counts
from antispam.limits.figures import FIGURES, Kind, clients_of

NOW = 6_000_000.0


@pytest.mark.parametrize(
    ("address", "client", "network", "why"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.0/24", "an IPv4 address is one client"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64", "2001:db8:1::/48", "a /64 is one subscriber, a /48 one site"),
    ],
)
def test_who_counts_as_one(address, client, network, why):
    assert clients_of(address) == (client, network), why


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.OPEN])
def test_the_figure_is_allowed_and_one_more_is_not(kind):
    counts, limit = Counts(), FIGURES[kind].address
    assert all(counts.add(kind, "192.0.2.7", NOW) is None for _ in range(limit))
    assert counts.over(kind, "192.0.2.7", NOW) is not None
    excess = counts.add(kind, "192.0.2.7", NOW)
    assert excess is not None
    assert (excess.client, excess.limit, excess.until) == ("192.0.2.7", limit, NOW + FIGURES[kind].seconds)
    assert counts.add(kind, "192.0.2.8", NOW) is None, "a neighbour"
    assert counts.add(kind, "192.0.2.7", NOW + FIGURES[kind].seconds) is None, "the next window"


def test_a_network_has_a_figure_of_its_own():
    counts, figure = Counts(), FIGURES[Kind.CONNECTIONS]
    for number in range(figure.network):
        assert counts.add(Kind.CONNECTIONS, f"192.0.2.{number % 200}", NOW) is None
    excess = counts.add(Kind.CONNECTIONS, "192.0.2.250", NOW)
    assert excess is not None
    assert excess.client == "192.0.2.0/24"
    assert excess.words() == "Too many connections a minute from your network; try again later"


def test_what_others_counted_is_added_and_ours_is_not_counted_twice():
    counts, limit = Counts(), FIGURES[Kind.UNKNOWN].address
    counts.add(Kind.UNKNOWN, "192.0.2.7", NOW)
    taken = counts.take_unsent(100)
    assert sorted(taken.values()) == [1, 1]
    place = next(place for place in taken if place[1] == "192.0.2.7")
    counts.hear(place, limit - 1)
    assert counts.over(Kind.UNKNOWN, "192.0.2.7", NOW) is None
    assert counts.add(Kind.UNKNOWN, "192.0.2.7", NOW) is None
    assert counts.over(Kind.UNKNOWN, "192.0.2.7", NOW) is not None
    assert counts.take_unsent(100)[place] == 1
    assert counts.take_unsent(100) == {}


def test_who_is_let_in_again_is_not_refused_until_then():
    counts = Counts()
    for _ in range(FIGURES[Kind.MESSAGES].address):
        counts.add(Kind.MESSAGES, "192.0.2.7", NOW)
    counts.let_in = {"192.0.2.7": NOW + 10}
    assert counts.add(Kind.MESSAGES, "192.0.2.7", NOW) is None
    assert counts.add(Kind.MESSAGES, "192.0.2.7", NOW + 11) is not None


def test_open_connections_count_with_those_of_others():
    counts, limit = Counts(), FIGURES[Kind.OPEN].address
    assert counts.enter("192.0.2.7", NOW) is None
    counts.hear_open("192.0.2.7", limit - 2)
    assert counts.enter("192.0.2.7", NOW) is None
    assert counts.enter("192.0.2.7", NOW) is not None
    counts.leave("192.0.2.7")
    assert counts.enter("192.0.2.7", NOW) is None
    counts.alone()
    assert counts.enter("192.0.2.7", NOW) is None, "what others hold is not known any more"
    for _ in range(3):
        counts.leave("192.0.2.7")
    assert counts.held() == {}


def test_a_flood_of_addresses_holds_bounded_memory():
    counts = Counts()
    for number in range(MOST + 5_000):
        counts.add(Kind.CONNECTIONS, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", NOW)
    assert len(counts._counts) == MOST
    assert len(counts.unsent) <= MOST
    counts.forget(NOW + 60)
    assert counts._counts == {}
    assert counts.take_unsent(10) == {}
