"""The one-time set-up link that the console prints while no superadministrator exists.

Only the token's SHA-256 is kept, in ``$MAILADMIN_DATA/run/setup-token`` (0600); each start without a
superadministrator makes a new one, and the first sign-up forgets it.
"""

import hmac
import os
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

TOKEN_OCTETS = 24


def _path() -> Path:
    from django.conf import settings

    return Path(settings.MAILADMIN.data) / "run" / "setup-token"


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def make_setup_token() -> str:
    """Return a fresh token for ``/setup/<token>``; earlier ones are worth nothing from now on."""
    token = secrets.token_urlsafe(TOKEN_OCTETS)
    path = _path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_digest(token))
    fresh.replace(path)
    return token


def setup_token_matches(token: str) -> bool:
    """True when this is the token of the latest start."""
    try:
        held = _path().read_text().strip()
    except OSError:
        return False
    return bool(held) and hmac.compare_digest(held, _digest(token))


def forget_setup_token() -> None:
    """Make the link worthless."""
    with suppress(FileNotFoundError):
        _path().unlink()
