"""A Received field as its server wrote it (RFC 5321 section 4.4, RFC 3848, RFC 8314 section 4.3).

    From "from" … "by" … [ "via" … ] [ "with" … ] [ "id" … ] [ "for" … ] [ "tls" … ] ";" date-time, comments anywhere

All of it is what that server claims, or what somebody claims in its name. One pass, no recursion; nothing raises.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

from mailboxes.mime.headers import Field

KEPT_LINES = 50
READ_CHARACTERS = 800
DATE_CHARACTERS = 80
_KEYWORDS = frozenset({"from", "by", "via", "with", "id", "for", "tls"})
_TOKEN = re.compile(r"[()]|\\.|[^\s()\\]+|\\|\s+", re.DOTALL)
_VERSION = re.compile(r"\b(?:TLS ?v?(1)(?:[._]?([0-3]))?|SSLv?[23])\b", re.IGNORECASE)
_CIPHER = re.compile(r"\bcipher[= ]([A-Za-z0-9_-]{1,60})", re.IGNORECASE)
_EDGES = re.compile(r"[\s\[\](),;=]+")
_ENCRYPTED = re.compile(r"(?:UTF8)?(?:E?SMTP|LMTP)SA?|HTTPS")
_CLEAR = re.compile(r"(?:UTF8)?(?:E?SMTP|LMTP)A?|HTTP")


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """Who says that it got the message from whom; ``encrypted`` is None where the line does not tell.

    ``client_verified`` is True when the line says that the client's certificate was checked and right.
    """

    from_name: str = ""
    from_address: str = ""
    reverse_name: str = ""
    by: str = ""
    protocol: str = ""
    identifier: str = ""
    tls: str = ""
    cipher: str = ""
    client_verified: bool = False
    at: datetime | None = None

    @property
    def encrypted(self) -> bool | None:
        """True by a TLS version or a protocol of RFC 3848 that ends in S, False by one that does not."""
        if self.tls or self.cipher or _ENCRYPTED.fullmatch(self.protocol):
            return True
        return False if _CLEAR.fullmatch(self.protocol) else None


def received_texts(fields: Iterable[Field]) -> list[str]:
    """Return the values of the Received fields as a trace keeps them: unread, cut, the newest ``KEPT_LINES``.

    Keeping a line takes 3 µs, reading one 43 µs: they are read when somebody looks.
    """
    found = [field for field in fields if field.key == b"received"][:KEPT_LINES]
    return [field.value[:READ_CHARACTERS].decode("utf-8", "replace") for field in found]


def parse_received(value: str) -> ReceivedLine:
    """Return what an unfolded Received value says; what cannot be read stays empty."""
    clauses, comments, date = _clauses(value[:READ_CHARACTERS])
    told = " ".join(text for texts in comments.values() for text in texts)
    version = _VERSION.search(told)
    cipher = _CIPHER.search(told)
    beside = " ".join(comments.get("from", ()))
    return ReceivedLine(
        from_name=clauses.get("from", ""),
        from_address=_address(f"{clauses.get('from', '')} {beside}"),
        reverse_name=_reverse_name(beside),
        by=clauses.get("by", ""),
        protocol=clauses.get("with", "").upper(),
        identifier=clauses.get("id", ""),
        tls=_version(version) if version else "",
        cipher=clauses.get("tls", "") or (cipher[1] if cipher else ""),
        client_verified="verified ok" in told.lower(),
        at=_date(date),
    )


def _version(match: "re.Match[str]") -> str:
    return f"TLS 1.{match[2] or 0}" if match[1] else match[0]


def _clauses(value: str) -> tuple[dict[str, str], dict[str, list[str]], str]:
    """Return the first word of each clause, the comments by the clause they stand in, and the date's text."""
    clauses: dict[str, str] = {}
    comments: dict[str, list[str]] = {}
    clause, awaited, depth = "", False, 0
    inside: list[str] = []
    for match in _TOKEN.finditer(value):
        piece = match[0]
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
            if not depth and inside:
                comments.setdefault(clause, []).append("".join(inside).strip())
                inside = []
        elif depth:
            inside.append(piece)
        elif not piece.isspace():
            word, ended, _rest = piece.partition(";")
            if awaited and word:
                clauses.setdefault(clause, word)
                awaited = False
            elif word.lower() in _KEYWORDS:
                clause, awaited = word.lower(), True
            if ended:
                return clauses, comments, value[match.start() + len(word) + 1 :]
    return clauses, comments, ""


def _address(text: str) -> str:
    """Return the first IP address among the words."""
    for word in _EDGES.split(text):
        bare = word[5:] if word[:5].lower() == "ipv6:" else word
        if "." in bare or ":" in bare:
            try:
                return str(ip_address(bare))
            except ValueError:
                continue
    return ""


def _reverse_name(comment: str) -> str:
    """Return the name that the server found for the client's address, written before it in brackets."""
    name = comment.partition("[")[0].strip().rstrip(".")
    return name if "[" in comment and " " not in name and "=" not in name and name.lower() != "unknown" else ""


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(" ".join(text[:DATE_CHARACTERS].split()))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
