"""The client's side of AUTH PLAIN and LOGIN (RFC 4954, RFC 5034, RFC 4616) decoded; credentials are never logged."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

MECHANISMS = ("PLAIN", "LOGIN")
PASSWORD_OCTETS = 1024
LOGIN_PROMPTS = (b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6")

Ask = Callable[[bytes], Awaitable[bytes]]


class SaslFault(ValueError):
    """The exchange ended without credentials; ``str()`` is one public sentence."""

    def __init__(self, text: str, code: int = 501, enhanced: str = "5.5.2") -> None:
        super().__init__(text)
        self.code = code
        self.enhanced = enhanced


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password as sent."""

    username: str
    password: str = field(repr=False)


async def ask_octets(ask: Ask, challenge: bytes) -> bytes:
    """Send a challenge and return the client's answer, both as plain octets; raises SaslFault."""
    return _decode(await ask(b64encode(challenge)))


async def read_first(initial: bytes | None, ask: Ask) -> bytes:
    """Return the client's first message as octets, asked for when it did not come along; raises SaslFault."""
    return _decode(initial) if initial is not None else await ask_octets(ask, b"")


async def read_credentials(mechanism: str, initial: bytes | None, ask: Ask) -> Credentials:
    """Return the credentials; ``ask`` sends a challenge in base64 and returns the answer's line; raises SaslFault."""
    if mechanism == "PLAIN":
        return parse_plain(_decode(initial if initial is not None else await ask(b"")))
    username = _decode(initial if initial is not None else await ask(LOGIN_PROMPTS[0]))
    password = _decode(await ask(LOGIN_PROMPTS[1]))
    return _checked(username, password)


def parse_plain(message: bytes) -> Credentials:
    """``[authzid] NUL authcid NUL passwd`` (RFC 4616 §2); an authzid other than the authcid is refused."""
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise SaslFault("The PLAIN message is malformed")
    if parts[0] not in (b"", parts[1]):
        raise SaslFault("Acting for another user is not offered", 535, "5.7.8")
    return _checked(parts[1], parts[2])


def _checked(username: bytes, password: bytes) -> Credentials:
    """Return the pair as text; raises SaslFault for what no account can have."""
    if not username or b"\0" in username + password or max(len(username), len(password)) > PASSWORD_OCTETS:
        raise SaslFault("The credentials are malformed")
    try:
        return Credentials(username.decode(), password.decode())
    except UnicodeDecodeError:
        raise SaslFault("The credentials are not UTF-8") from None


def _decode(line: bytes) -> bytes:
    """Return the octets of one base64 line; ``=`` alone is the empty response; ``*`` cancels."""
    if line == b"*":
        raise SaslFault("Authentication cancelled", 501, "5.7.0")
    if line == b"=":
        return b""
    try:
        return b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise SaslFault("The line is not base64") from None
