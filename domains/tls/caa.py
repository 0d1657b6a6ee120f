"""CAA: which authorities may issue for a name (RFC 8659), bound to one account there (RFC 8657). Pure.

Texts are those of zone files: ``0 issue "ca.example; accounturi=https://ca.example/acct/1"``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_RECORD = re.compile(r'\s*([0-9]{1,3})\s+([A-Za-z0-9]+)\s+(?:"((?:[^"\\]|\\.)*)"|(\S+))\s*')
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]+")


@dataclass(frozen=True, slots=True)
class Permission:
    """One ``issue`` property; an empty issuer allows nobody."""

    issuer: str
    parameters: dict[str, str] = field(default_factory=dict)


def serialise_permission(issuer: str, account_uri: str) -> str:
    """Return the text that allows an account to issue; an address that such a text cannot hold is left out."""
    good = _VALUE.fullmatch(account_uri) and '"' not in account_uri and "\\" not in account_uri
    return f'0 issue "{issuer}; accounturi={account_uri}"' if good else f'0 issue "{issuer}"'


def parse_permission(text: str) -> Permission | None:
    """Return the permission of a record; None for one of another tag, or for none at all."""
    found = _RECORD.fullmatch(text)
    if found is None or found[2].lower() != "issue":
        return None
    issuer, *rest = (found[3] if found[3] is not None else found[4]).split(";")
    pairs = (part.partition("=") for part in rest if "=" in part)
    return Permission(issuer.strip().lower(), {name.strip().lower(): value.strip() for name, _, value in pairs})


def is_allowed(wanted: str, texts: Iterable[str]) -> bool | None:
    """Return whether the records of a name allow what ``wanted`` asks for; None when they restrict nobody."""
    asked = parse_permission(wanted)
    given = [permission for text in texts if (permission := parse_permission(text)) is not None]
    if not given or asked is None:
        return None
    return any(_permits(permission, asked) for permission in given)


def _permits(given: Permission, asked: Permission) -> bool:
    bound = given.parameters.get("accounturi")
    return given.issuer == asked.issuer and bound in (None, asked.parameters.get("accounturi"))
