"""What is kept of an app password instead of itself, and how one is made.

The password is 120 random bits, so a keyed digest over address and password finds it in one look, and no slow hash is
needed. The salt of SCRAM is one an address and comes from the master key: every app password of an account is under
the same salt, and an address without any, or unknown, has one that looks and stays the same.
"""

import hmac
import secrets
from hashlib import sha256

from domains.services.sealing import derive_key
from mailboxes.scram import Verifier, make_verifier

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 signs; l, o, 0 and 1 look too much alike
GROUPS, GROUP_SIGNS = 6, 4
SALT_OCTETS = 16


def new_app_password() -> str:
    """Return a new app password as it is shown and typed: six groups of four signs."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_SIGNS)) for _ in range(GROUPS))
    return "-".join(groups)


def app_password_digest(address: str, password: str) -> bytes:
    """Return what an app password of a normalised address is found by."""
    return hmac.digest(derive_key("app passwords"), f"{address}\0{password}".encode("utf-8", "replace"), sha256)


def scram_salt(address: str) -> bytes:
    """Return the salt of a normalised address, known here or not."""
    return hmac.digest(derive_key("scram salt"), address.encode(), sha256)[:SALT_OCTETS]


def app_password_verifier(address: str, password: str) -> Verifier:
    """Return the verifier of SCRAM for an app password."""
    return make_verifier(password, scram_salt(address))
