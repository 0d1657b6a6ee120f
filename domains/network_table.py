"""The table of networks: who announces an address and in which country it is registered. Pure.

Made once at set-up from ranges, then read where it lies, a memory-mapped file: two arrays of first addresses with a
place each, looked up by bisection. IPv6 goes down to /64, which is finer than anybody announces. Addresses of ranges
for special use (RFC 6890) are cut out while it is made, so nothing is ever known of them. Numbers are in the
machine's own order: the file is made where it is read.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

HEAD = struct.Struct("=8s10sxxIIII")  # magic, edition, IPv4 starts, IPv6 starts, places, octets of names
PLACE = struct.Struct("=I2sHI")  # AS number, country, octets of the owner's name, where that begins
MAGIC = b"networks"
SPECIAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/3", "::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1"),
)
NAME_OCTETS = 200
PLACES_HELD = 10_000  # networks kept as objects

Range = tuple[int, int, int]  # first, last, what holds between them


@dataclass(frozen=True, slots=True)
class Network:
    """What is known of an address's network; 0 and empty where nothing is."""

    number: int = 0
    owner: str = ""
    country: str = ""

    @property
    def label(self) -> str:
        """The owner with the number, ``Example Net (AS64500)``; empty when nobody is known."""
        number = f"AS{self.number}" if self.number else ""
        return f"{self.owner} ({number})" if self.owner else number


UNKNOWN = Network()


@dataclass(frozen=True, slots=True)
class Announced:
    """Addresses from ``first`` to ``last`` (of ``version`` 4 or 6) that one network announces."""

    version: int
    first: int
    last: int
    number: int
    owner: str


@dataclass(frozen=True, slots=True)
class Registered:
    """Addresses from ``first`` to ``last`` that are registered in one country (ISO 3166-1, two letters)."""

    version: int
    first: int
    last: int
    country: str


class BadTable(ValueError):
    """The file is no such table."""


class NetworkTable:
    """A table over the octets that ``serialise_table`` made; ``edition`` is the day of its data."""

    def __init__(self, octets: memoryview) -> None:
        """Raise ``BadTable`` when these are no table, or not the whole of it."""
        if len(octets) < HEAD.size:
            raise BadTable("too short")
        magic, edition, fours, sixes, places, names = HEAD.unpack_from(octets)
        sizes = (fours * 4, fours * 4, sixes * 8, sixes * 4, places * PLACE.size, names)
        if magic != MAGIC or len(octets) != HEAD.size + sum(sizes):
            raise BadTable("not a table, or not the whole of it")
        parts: list[memoryview] = []
        start = HEAD.size
        for size in sizes:
            parts.append(octets[start : start + size])
            start += size
        self.edition = edition.rstrip(b"\0").decode()
        self._fours, self._four_places = parts[0].cast("I"), parts[1].cast("I")
        self._sixes, self._six_places = parts[2].cast("Q"), parts[3].cast("I")
        self._places, self._names = parts[4], parts[5]
        self._network = lru_cache(maxsize=PLACES_HELD)(self._read)

    def find(self, text: str) -> Network:
        """Return the network of an address; ``UNKNOWN`` for one of special use and for what is no address."""
        try:
            address = ip_address(text)
        except ValueError:
            return UNKNOWN
        number = int(address)
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped is None:
                return self._place(self._six_places, bisect_right(self._sixes, number >> 64))
            number &= 0xFFFFFFFF
        return self._place(self._four_places, bisect_right(self._fours, number))

    def _place(self, places: Sequence[int], found: int) -> Network:
        place = places[found - 1] if found else 0
        return self._network(place) if place else UNKNOWN

    def _read(self, place: int) -> Network:
        number, country, octets, begin = PLACE.unpack_from(self._places, (place - 1) * PLACE.size)
        owner = str(self._names[begin : begin + octets], "utf-8")
        return Network(number, owner, country.rstrip(b"\0").decode())


class _Places:
    """The different places, numbered from 1 as they come; 0 is nowhere."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], int] = {}
        self.rows, self.names = bytearray(), bytearray()
        self.begins: dict[str, int] = {}

    def of(self, number: int, owner: str, country: str) -> int:
        """Return the number of a place."""
        if not number and not country:
            return 0
        if (number, country) not in self.known:
            name = owner.encode()[:NAME_OCTETS].decode("utf-8", "ignore")
            if name not in self.begins:
                self.begins[name] = len(self.names)
                self.names += name.encode()
            self.rows += PLACE.pack(number, country.encode()[:2], len(name.encode()), self.begins[name])
            self.known[number, country] = len(self.known) + 1
        return self.known[number, country]


def serialise_table(edition: str, announced: Iterable[Announced], registered: Iterable[Registered]) -> bytes:
    """Return the octets of a table; of ranges that overlap the one that begins later holds."""
    owners: dict[int, str] = {}
    networks: dict[int, list[Range]] = {4: [], 6: []}
    countries: dict[int, list[Range]] = {4: [], 6: []}
    codes: dict[str, int] = {}
    for one in announced:
        owners[one.number] = one.owner
        networks[one.version].append((one.first, one.last, one.number))
    for land in registered:
        countries[land.version].append((land.first, land.last, codes.setdefault(land.country, len(codes) + 1)))
    names = {code: country for country, code in codes.items()}
    places = _Places()
    arrays: list[array[int]] = []
    for version, letter in ((4, "I"), (6, "Q")):
        starts, found = array(letter), array("I")
        for start, number, code in _merged(networks[version], countries[version], version):
            place = places.of(number, owners.get(number, ""), names.get(code, ""))
            if not found or found[-1] != place:
                starts.append(start)
                found.append(place)
        arrays += [starts, found]
    head = HEAD.pack(MAGIC, edition.encode(), len(arrays[0]), len(arrays[2]), len(places.known), len(places.names))
    return b"".join([head, *(part.tobytes() for part in arrays), places.rows, places.names])


def _merged(networks: list[Range], countries: list[Range], version: int) -> Iterator[Range]:
    """Yield (start, AS number, country's code) wherever something changes; IPv6 addresses by their upper half."""
    special = [(int(net[0]), int(net[-1]), 1) for net in map(ip_network, SPECIAL) if net.version == version]
    layers = [_Layer(_halved(ranges, version)) for ranges in (networks, countries, special)]
    end = 1 << (32 if version == 4 else 64)
    for start in sorted({start for layer in layers for start in layer.changes() if start < end}):
        number, code, hidden = (layer.at(start) for layer in layers)
        yield (start, 0, 0) if hidden else (start, number, code)


def _halved(ranges: list[Range], version: int) -> list[Range]:
    """Return the ranges sorted; of IPv6 the upper halves, without what is narrower than a /64."""
    if version == 4:
        return sorted(ranges)
    low = (1 << 64) - 1
    whole = [one for one in ranges if not one[0] & low and one[1] & low == low]
    return sorted((first >> 64, last >> 64, value) for first, last, value in whole)


class _Layer:
    """Sorted ranges that are asked at rising addresses."""

    def __init__(self, ranges: list[Range]) -> None:
        self._ranges, self._next, self._now = ranges, 0, (0, -1, 0)

    def changes(self) -> Iterator[int]:
        """Yield every address at which a range begins or has just ended."""
        for first, last, _value in self._ranges:
            yield first
            yield last + 1

    def at(self, address: int) -> int:
        """Return what holds at an address, 0 when nothing does."""
        while self._next < len(self._ranges) and self._ranges[self._next][0] <= address:
            self._now = self._ranges[self._next]
            self._next += 1
        return self._now[2] if self._now[0] <= address <= self._now[1] else 0
