"""Whose message it is: the author domains of From, and whether everybody reads them there (RFC 5322 section 3.6.2).

The domain that is judged has to be the one that mail programs show. Where readers disagree about what a From says,
nobody can tell whose message it is: that is a finding of its own, and nothing passes in anybody's name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailboxes.addresses import author_addresses, envelope_domain
from mailboxes.mime.headers import Block, parse_addresses, values_of
from mailboxes.mime.limits import ADDRESSES, FIELD_OCTETS
from mailboxes.mime.text import decode_header

SCANNED_OCTETS = 64 * 1024
SHOWN = 5
SHOWN_CHARACTERS = 200
_CUT = re.compile(r"@\s*[^\s@.]+\.[^\s@]*(?:\s+\.|\.\s)")  # what stands before the blank is a whole name already
_NAMED = re.compile(r"[^\s<>,:;@()\"']{1,64}@([\w-]+(?:\.[\w-]+)+)")
_ENCODED = re.compile(r"=\?[^?\s]+\?[bBqQ]\?")  # some readers decode a field before they look for its address
_FOLDED_NAME = re.compile(rb"from[ \t\r\n]*:", re.IGNORECASE)
_QUOTED = "\x01"  # stands for a quoted string


@dataclass(frozen=True, slots=True)
class Author:
    """``domains`` are the author domains in A-labels, one for each address; ``problem`` why nobody can tell.

    ``shown`` are addresses of other domains that a reader sees in the display names: evidence, no more.
    """

    domains: Sequence[str]
    problem: str = ""
    shown: Sequence[str] = ()


def read_author(block: Block) -> Author:
    """Return what a message's header block says; a From that is not read whole names nobody."""
    values = values_of(block.fields, b"from")
    author = find_author(values)
    if any(field.key == b"from" and len(field.raw) > FIELD_OCTETS for field in block.fields):
        return replace(author, problem="From is longer than any that is read")
    if not block.within:
        return replace(author, problem="the header block is longer than any that is read")
    if any(not field.key and _FOLDED_NAME.match(field.raw) for field in block.fields):
        return replace(author, problem="there is a From whose name is folded")
    if block.fields and block.fields[0].raw[:1] in (b" ", b"\t"):
        return replace(author, problem="the header begins with the rest of a field")
    if author.problem or (b"=?" not in values[0] and values[0].count(b"@") == len(author.domains)):
        return author
    return replace(author, shown=_shown(values[0], author.domains))


def _shown(value: bytes, domains: Sequence[str]) -> Sequence[str]:
    """Return addresses of other domains in the display names of a From, a few of them."""
    shown: list[str] = []
    for address in parse_addresses(value)[:SHOWN]:
        for named in _NAMED.finditer(decode_header(address.name or b"")):
            if envelope_domain(f"x@{named[1]}") not in domains:
                shown.append(named[0][:SHOWN_CHARACTERS])
    return shown[:SHOWN]


def find_author(values: Sequence[bytes]) -> Author:
    """Return what the values of all From fields of a message say."""
    addresses = [address for value in values for address in author_addresses(value)]
    domains = [envelope_domain(address) for address in addresses if not address.endswith("@")]
    if not values:
        return Author(domains, "there is no From")
    if len(values) > 1:
        return Author(domains, f"there are {len(values)} From fields")
    problem = _problem(values[0])
    if not problem and (not domains or not all(domains)):
        problem = "From holds no address with a domain"
    if not problem and len(domains) >= ADDRESSES:
        problem = "From is longer than any that is read"
    return Author(domains, problem)


class _Unclear(Exception):
    """Readers disagree about what stands here."""


@dataclass(slots=True)
class _Mailbox:
    """One mailbox of the list as far as it was read, comments left out."""

    before: str = ""
    inside: str = ""
    angles: int = 0
    closed: bool = False

    def take(self, character: str) -> None:
        """Add a character at its place."""
        if self.angles and not self.closed:
            self.inside += character
        elif not self.closed:
            self.before += character
        elif not character.isspace():
            raise _Unclear("something stands after the address in From")

    def finish(self) -> None:
        """Raise _Unclear unless this is a mailbox, or nothing at all."""
        if not self.angles:
            if "@" in self.before or "=?" in self.before:  # a bare word is half a name with a comma in it: Doe, John
                _check_address(self.before)
            return
        if not self.closed:
            raise _Unclear("an angle bracket in From is not closed")
        inside = self.inside.strip()
        if inside.startswith("@"):  # a source route (RFC 5322 section 4.4)
            inside = inside.partition(":")[2]
        domain = envelope_domain(_check_address(inside))
        if any("@" in word and envelope_domain(word) != domain for word in self.before.split()):
            raise _Unclear("From shows one address and names another")


def _check_address(text: str) -> str:
    """Return the address without blanks around dots and ``@``; raises _Unclear unless it is one."""
    address = text.strip()
    if _ENCODED.search(address):
        raise _Unclear("an encoded word stands inside an address in From")
    if _CUT.search(address):
        raise _Unclear("a blank cuts the domain in From")
    for sign in "@.":
        address = sign.join(part.strip() for part in address.split(sign))
    local_part, at, domain = address.rpartition("@")
    if any(character.isspace() for character in address) or "@" in local_part:
        raise _Unclear("From holds several addresses that nothing separates")
    if not at or not local_part or not domain:
        raise _Unclear("From holds no complete address")
    return address


def _problem(value: bytes) -> str:
    """Return why readers may disagree about a From's value, empty when they cannot; one pass over its characters."""
    if len(value) > SCANNED_OCTETS:
        return "From is longer than any that is read"
    try:
        for mailbox in _mailboxes(value.decode("utf-8", "replace")):
            mailbox.finish()
    except _Unclear as unclear:
        return str(unclear)
    return ""


def _mailboxes(text: str) -> list[_Mailbox]:
    found = [_Mailbox()]
    depth, in_group, position = 0, False, 0
    while position < len(text):
        character = text[position]
        position += 1
        current = found[-1]
        if character == "\\" and depth:
            position += 1
        elif character == "(":
            depth += 1
            current.take(" ")
        elif depth:
            depth -= character == ")"
        elif character == '"':
            position = _end_of_quote(text, position)
            current.take(_QUOTED)
        elif character == "<":
            current.angles += 1
            if current.angles > 1:
                raise _Unclear("From has several addresses in one place")
        elif character == ">":
            if current.angles != 1 or current.closed:
                raise _Unclear("an angle bracket in From was not opened")
            current.closed = True
        elif current.angles and not current.closed:
            current.take(character)
        elif character == ":" and not in_group:
            if current.angles or "@" in current.before:
                raise _Unclear("From holds an address where the name of a group stands")
            in_group = True
            found[-1] = _Mailbox()
        elif character == ";":
            if not in_group:
                raise _Unclear("From separates addresses by a semicolon")
            in_group = False
            found.append(_Mailbox())
        elif character == ",":
            found.append(_Mailbox())
        else:
            current.take(character)
    if depth:
        raise _Unclear("a comment in From is not closed")
    return found


def _end_of_quote(text: str, position: int) -> int:
    """Return the place after the quoted string that begins before ``position``."""
    while position < len(text):
        if text[position] == '"':
            return position + 1
        position += 2 if text[position] == "\\" else 1
    raise _Unclear("a quotation mark in From is not closed")
