"""Where the mail of reports came from: the network and the country of each address, summed; without any query."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from domains.network_table import Network
from domains.networks import network_of
from domains.services.report_sources import AddressLine

LISTED = 10


@dataclass(frozen=True, slots=True)
class Located:
    """One address, as far as it is of one class and sender, with its network."""

    line: AddressLine
    network: Network


@dataclass(slots=True)
class Origin:
    """What came from one country or network; ``key`` is its code or number, empty for all that is not known."""

    key: str
    name: str
    messages: int = 0
    passed: int = 0
    held: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def addresses(self) -> int:
        """How many addresses."""
        return len(self.seen)

    def add(self, one: "Origin | AddressLine", seen: Iterable[str]) -> None:
        """Count it as well."""
        self.messages += int(one.messages)
        self.passed += int(one.passed)
        self.held += int(one.held)
        self.seen.update(seen)


@dataclass(frozen=True, slots=True)
class Origins:
    """The countries and networks with the most messages, then all others together, then what is not known."""

    countries: list[Origin]
    networks: list[Origin]


OTHERS = "others"


def located(lines: Iterable[AddressLine]) -> list[Located]:
    """Return the lines with their networks."""
    return [Located(line, network_of(line.address)) for line in lines]


def only_from(lines: Sequence[Located], country: str, number: int) -> list[Located]:
    """Return the lines of a country and of a network; empty and 0 ask for any."""
    return [
        one
        for one in lines
        if (not country or one.network.country == country) and (not number or one.network.number == number)
    ]


def origins_of(lines: Sequence[Located]) -> Origins:
    """Return how much came from where."""
    return Origins(
        _summed(lines, lambda network: (network.country, network.country)),
        _summed(lines, lambda network: (str(network.number) if network.number else "", network.label)),
    )


def _summed(lines: Sequence[Located], named: Callable[[Network], tuple[str, str]]) -> list[Origin]:
    found: dict[str, Origin] = {}
    for one in lines:
        key, name = named(one.network)
        found.setdefault(key, Origin(key, name)).add(one.line, (one.line.address,))
    nowhere = found.pop("", None)
    ordered = sorted(found.values(), key=lambda origin: (-origin.messages, origin.key))
    listed, rest = ordered[:LISTED], ordered[LISTED:]
    if rest:
        others = Origin(OTHERS, "")
        for origin in rest:
            others.add(origin, origin.seen)
        listed.append(others)
    return [*listed, nowhere] if nowhere else listed
