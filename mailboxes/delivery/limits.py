"""Who may write to a group, judged by an author that was proven or by who signed in, never by MAIL FROM."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from mailboxes.addresses import envelope_domain, normalised


@dataclass(frozen=True, slots=True)
class Limit:
    """One group on the way to a recipient that is not open to everybody.

    With ``members`` None its domain's own people may write, else only the members (addresses as ours are stored, with
    those of groups and aliases within). ``domains`` are the domain and its alias domains.
    """

    address: str
    domains: Set[str]
    members: Set[str] | None = None

    def allows(self, author: str) -> bool:
        """True when this author may write, whose domain was proven or who signed in."""
        if self.members is None:
            return envelope_domain(author) in self.domains
        return normalised(author) in self.members

    @property
    def refusal(self) -> str:
        """One public sentence for who may not."""
        who = "Only people of its domain" if self.members is None else "Only its members"
        return f"{who} may write to <{self.address}>"


def reached_from(address: str, edges: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return all addresses that one leads to, as ours are stored; ``edges`` are keyed in lower case."""
    found: set[str] = set()
    waiting = list(edges.get(address.lower(), ()))
    while waiting:
        following = waiting.pop()
        if following not in found:
            found.add(following)
            waiting += edges.get(following.lower(), ())
    return frozenset(map(normalised, found))
