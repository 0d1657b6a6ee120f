"""A record that a domain should publish, as a value."""

from dataclasses import dataclass

from domains.dkim.record import split_strings

TTL = 3600


@dataclass(frozen=True, slots=True)
class DesiredRecord:
    """One record; ``zone`` is the zone it belongs to, ``about`` one sentence for people with its RFC.

    A ``managed`` one is published by the panel itself. ``suffices`` is a shorter value that says no less.
    """

    name: str
    zone: str
    type: str
    value: str
    purpose: str
    about: str
    required: bool = True
    ttl: int = TTL
    managed: bool = False
    suffices: str = ""

    @property
    def relative_name(self) -> str:
        """The name as most providers take it: without the zone, ``@`` for the zone itself."""
        return "@" if self.name == self.zone else self.name.removesuffix(f".{self.zone}")

    @property
    def strings(self) -> list[str]:
        """A TXT value as strings of at most 255 octets."""
        return split_strings(self.value)
