"""Secrets at rest: authenticated encryption by a master key that lives outside the database and its backup.

A sealed value is ``0x01 ‖ nonce (12) ‖ AES-256-GCM ciphertext``; the row's identity is the associated data, so a
value copied into another row does not open. Keys for other purposes are derived from the master key by HKDF-SHA256.
"""

import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_OCTETS = 32
NONCE_OCTETS = 12
VERSION = b"\x01"
FILE_NAME = "master.key"


class SealBroken(Exception):
    """The value was sealed with another key, for another row, or was changed."""


class UnsafeSecrets(Exception):
    """The folder or file of the master key cannot be trusted; ``str()`` says which and why."""


def load_or_make_master_key(folder: Path) -> bytes:
    """Return the master key's 32 octets, made at the first use; the folder is 0700, the file 0600."""
    path = folder / FILE_NAME
    if not path.exists():
        _make_master_key(folder, path)
    if path.stat().st_mode & 0o077:
        raise UnsafeSecrets(f"{path} can be read by others: it must have mode 0600")
    key = path.read_bytes()
    if len(key) != KEY_OCTETS:
        raise UnsafeSecrets(
            f"{path} has {len(key)} octets instead of {KEY_OCTETS}: restore it from where it was kept"
        )
    return key


def _make_master_key(folder: Path, path: Path) -> None:
    """Write a fresh key beside and link it in, so that two starts at once agree on one key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f".{FILE_NAME}.{os.getpid()}.{os.urandom(4).hex()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_OCTETS))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def derive_key_from(master: bytes, purpose: str) -> bytes:
    """Return 32 octets for one purpose (HKDF-SHA256, RFC 5869)."""
    hkdf = HKDF(algorithm=hashes.SHA256(), length=KEY_OCTETS, salt=None, info=b"mailadmin " + purpose.encode())
    return hkdf.derive(master)


@lru_cache(maxsize=1)
def master_key() -> bytes:
    """Return this installation's master key."""
    from django.conf import settings

    return load_or_make_master_key(settings.MAILADMIN.secrets)


@lru_cache(maxsize=32)
def derive_key(purpose: str) -> bytes:
    """Return the key of one purpose of this installation."""
    return derive_key_from(master_key(), purpose)


def key_fingerprint() -> str:
    """Return what identifies the master key without revealing it: 32 hexadecimal digits."""
    return sha256(derive_key("fingerprint")).hexdigest()[:32]


def seal(identity: str, octets: bytes) -> bytes:
    """Return the octets sealed for one row, such as ``dkim-key acme.org r20261124``."""
    nonce = os.urandom(NONCE_OCTETS)
    return VERSION + nonce + AESGCM(derive_key("sealing")).encrypt(nonce, octets, identity.encode())


def unseal(identity: str, sealed: bytes) -> bytes:
    """Return the octets; raises SealBroken."""
    if sealed[:1] != VERSION or len(sealed) < 1 + NONCE_OCTETS + 16:
        raise SealBroken(f"the secret of {identity} is not in a known form")
    nonce = bytes(sealed[1 : 1 + NONCE_OCTETS])
    try:
        return AESGCM(derive_key("sealing")).decrypt(nonce, bytes(sealed[1 + NONCE_OCTETS :]), identity.encode())
    except InvalidTag as error:
        raise SealBroken(f"the secret of {identity} was sealed with another key, or changed") from error
