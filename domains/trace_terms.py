"""What a trace can be found by, as one list of short texts under one index (decision 0013).

Each kind of term has a shape of its own, so that none can stand for another:

| term | example |
| --- | --- |
| an address, sender or recipient | ``alice@acme.example`` |
| a domain of either side, or the author's | ``@acme.example`` |
| the author's domain, and each above it up to its organizational domain | ``^news.acme.example`` |
| a domain of ours whose administrators may read the trace | ``~acme.example`` |
| the Message-ID | ``<1@acme.example>`` |
| a word of a reply, ours or the other server's | ``=550``, ``=5.7.1``, ``=greylisted`` |

All are in lower case. Redaction makes them anew from what is left (``domains.redaction``).
"""

import re
from collections.abc import Iterable

from domains.names import DomainName

INDEXED_OCTETS = 1000  # PostgreSQL refuses an index row above 2,704 octets
ADDRESSES_INDEXED = 1000
REPLY_WORDS = 24
AUTHOR_NAMES = 8  # as many as a tree walk asks (RFC 9989 section 4.10)
_WORD = re.compile(r"[\w][\w.@/-]*[\w]|\w")
_ENHANCED = re.compile(r"#?([245]\.\d{1,3}\.\d{1,3})\b")


def indexed(text: str) -> str:
    """Return a text that is storable and short enough for an index, whatever its letters."""
    storable = text[:INDEXED_OCTETS].replace("\0", "\ufffd").encode("utf-8", "replace")
    return storable[:INDEXED_OCTETS].decode("utf-8", "ignore")


def findable(text: str) -> str:
    """Return an address or a domain with the domain in the one spelling that is stored: A-labels, lower case."""
    local_part, at, domain = text.rpartition("@")
    try:
        return f"{local_part}{at}{DomainName(domain, minimum_labels=1).ascii}"
    except ValueError:
        return text


def address_term(address: str) -> str:
    """Return the term of an address whose domain is ``findable`` already."""
    return indexed(address.lower())


def domain_term(domain: str) -> str:
    """Return the term of a domain in A-labels."""
    return indexed(f"@{domain.lower()}")


def reach_term(domain: str) -> str:
    """Return the term by which the administrators of a domain of ours reach the trace."""
    return indexed(f"~{domain.lower()}")


def author_term(domain: str) -> str:
    """Return the term of mail whose author stands in a domain or below it."""
    return indexed(f"^{domain.lower()}")


def author_names(author: str, *organizational: str) -> list[str]:
    """Return the author's domain and the names above it, up to the highest that is said to be organizational."""
    highest = min((name for name in organizational if name and author.endswith(f".{name}")), key=len, default=author)
    labels = author.removesuffix(highest).split(".")[:-1]
    names = [f"{'.'.join(labels[place:])}.{highest}" for place in range(len(labels))]
    return [*names[: AUTHOR_NAMES - 1], highest]


def message_id_term(message_id: str) -> str:
    """Return the term of a Message-ID with or without angle brackets."""
    return indexed(f"<{message_id.strip().strip('<>').lower()}>")


def reply_words(text: str) -> list[str]:
    """Return the words of a reply or of what is searched in one: lower case, each once, at most ``REPLY_WORDS``."""
    words = dict.fromkeys(_WORD.findall(_ENHANCED.sub(r" \1 ", text[:2000].lower())))
    return list(words)[:REPLY_WORDS]


def reply_terms(text: str) -> list[str]:
    """Return the terms of a reply."""
    return [indexed(f"={word}") for word in reply_words(text)]


def trace_terms(
    message_id: str,
    addresses: Iterable[str],
    domains: Iterable[str],
    reach: Iterable[str],
    replies: Iterable[str] = (),
    authors: Iterable[str] = (),
) -> list[str]:
    """Return all terms of a trace, each once; addresses and domains are ``findable`` already.

    ``authors`` are as ``author_names`` gives them.
    """
    terms = {message_id_term(message_id)} if message_id else set()
    for address in list(addresses)[:ADDRESSES_INDEXED]:
        if address:
            terms.add(address_term(address))
            domain = address.rpartition("@")[2]
            terms.add(domain_term(domain))
    terms.update(domain_term(domain) for domain in domains if domain)
    terms.update(reach_term(domain) for domain in reach if domain)
    terms.update(author_term(name) for name in authors if name)
    for reply in replies:
        terms.update(reply_terms(reply))
    return sorted(terms)
