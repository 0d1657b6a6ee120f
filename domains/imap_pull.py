"""Reads a folder of an IMAP account elsewhere (RFC 9051, RFC 3501), over imaplib.

Only addresses that ``domains.reach`` allows are connected to, always under TLS with a certificate that verifies for
the name given, against MAILADMIN_CA_FILE or the system's store. imaplib is given its socket and read for, so that
each command has one deadline, which a server that drips octets cannot stretch, and one bound on what it answers.
Nothing is marked as read. Synchronous; never inside a transaction.
"""

import asyncio
import base64
import imaplib
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from django.conf import settings

from domains.dns.resolver import default_resolver
from domains.mail_probe import allowed_address

SECONDS = 20.0
FOLDER_SECONDS = 60.0  # to search a folder of years, or send one large message
LINE_OCTETS = 16 << 20
ANSWER_OCTETS = 32 << 20
_SIZES_AT_ONCE = 200
_SHOWN = 200
_SIZE = re.compile(rb"(?=.*\bUID (\d{1,10}))(?=.*\bRFC822\.SIZE (\d{1,12}))", re.DOTALL)
_REASON = re.compile(r"\A\[[^\]]*\]\s*")


class Trouble(StrEnum):
    """Why a folder cannot be read."""

    ADDRESS = "address"  # no address, or none that may be reached
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    TLS = "tls"
    STARTTLS = "starttls"  # not offered
    PROTOCOL = "protocol"  # what answers is no IMAP server
    CREDENTIALS = "credentials"
    FOLDER = "folder"
    MOVE = "move"  # the folder to move to, or the way to move
    SLOW = "slow"
    BROKEN = "broken"  # the connection ended, or an answer makes no sense


class PullFault(Exception):
    """The folder cannot be read; ``str()`` is what was seen, in the server's or the system's words."""

    def __init__(self, trouble: Trouble, seen: str = "") -> None:
        super().__init__(seen)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look. ``starttls`` says how TLS begins; the password never shows."""

    host: str
    port: int
    starttls: bool
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    move_to: str = ""


class _Connection(imaplib.IMAP4):
    """imaplib over a socket of ours: bounded in time and octets a command."""

    def __init__(self, address: str, place: Place, context: ssl.SSLContext) -> None:
        self._address = address
        self._context = None if place.starttls else context
        self._streamed: socket.socket | None = None
        self._octets: io.BufferedReader | None = None
        self.begin(SECONDS)
        super().__init__(place.host, place.port, SECONDS)

    def begin(self, seconds: float) -> None:
        """Give the next command its time, and its answer a bound."""
        self._until = time.monotonic() + seconds
        self._left = ANSWER_OCTETS

    def _create_socket(self, timeout: float | None) -> socket.socket:
        made = socket.create_connection((self._address, self.port), timeout)
        if self._context is None:
            return made
        return self._context.wrap_socket(made, server_hostname=self.host)

    @property
    def _stream(self) -> io.BufferedReader:
        """The socket's octets; what came before TLS is left behind with the old socket."""
        if self._streamed is not self.sock:
            self._streamed, self._octets = self.sock, self.sock.makefile("rb")
        return cast(io.BufferedReader, self._octets)

    def shutdown(self) -> None:
        """Close the connection."""
        if self._streamed is not None:
            cast(io.BufferedReader, self._octets).close()
        super().shutdown()

    def _wait(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)

    def _spend(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise self.abort("the answer is larger than anything asked for")

    def read(self, size: int) -> bytes:
        """Return the octets of a literal, fewer when the connection ends."""
        self._spend(size)
        pieces = bytearray()
        while len(pieces) < size:
            self._wait()
            piece = self._stream.read1(min(size - len(pieces), 1 << 16))
            if not piece:
                break
            pieces += piece
        return bytes(pieces)

    def readline(self) -> bytes:
        """Return one line, less when the connection ends."""
        line = bytearray()
        while not line.endswith(b"\n"):
            self._wait()
            ready = self._stream.peek(1)
            if not ready:
                break
            end = ready.find(b"\n")
            line += self._stream.read(end + 1 if end >= 0 else len(ready))
            if len(line) > LINE_OCTETS:
                raise self.abort("a line has no end")
        self._spend(len(line))
        return bytes(line)


class Folder:
    """An open folder."""

    def __init__(self, connection: _Connection, place: Place) -> None:
        self._connection = connection
        self._place = place
        self.messages = self._select()
        self.uid_validity = self._number("UIDVALIDITY")

    def _select(self) -> int:
        kind, data = self._ask("select", _quoted(self._place.folder), not self._place.move_to)
        if kind != "OK":
            raise PullFault(Trouble.FOLDER, _words(data))
        return int(data[0]) if data and data[0] and data[0].isdigit() else 0

    def _number(self, code: str) -> int:
        _kind, data = self._connection.response(code)
        text = data[-1] if data else None
        if not isinstance(text, bytes) or not text.isdigit():
            raise PullFault(Trouble.BROKEN, f"the folder has no {code}")
        return int(text)

    def _ask(self, command: str, *arguments: Any, seconds: float = SECONDS) -> tuple[str, list[Any]]:
        self._connection.begin(seconds)
        with _told():
            kind, data = getattr(self._connection, command)(*arguments)
        return str(kind), list(data)

    def _answer(self, *arguments: str) -> list[Any]:
        kind, data = self._ask("uid", *arguments, seconds=FOLDER_SECONDS)
        if kind != "OK":
            raise PullFault(Trouble.BROKEN, f"{arguments[0]}: {_words(data)}")
        return [item for item in data if item is not None]

    def after(self, last_uid: int) -> Iterator[tuple[int, int]]:
        """Give (UID, octets) of every message above a UID, rising."""
        if not self.messages:  # not every server knows what ``*`` is in an empty folder
            return
        found = b" ".join(self._answer("SEARCH", f"UID {last_uid + 1}:*")).split()
        uids = sorted({int(text) for text in found if text.isdigit() and int(text) > last_uid})
        for start in range(0, len(uids), _SIZES_AT_ONCE):
            wanted = uids[start : start + _SIZES_AT_ONCE]
            rows = self._answer("FETCH", ",".join(map(str, wanted)), "(UID RFC822.SIZE)")
            matches = [_SIZE.match(row) for row in rows if isinstance(row, bytes)]
            sizes = {int(match[1]): int(match[2]) for match in matches if match}
            yield from ((uid, sizes[uid]) for uid in wanted if uid in sizes)

    def fetch(self, uid: int) -> bytes | None:
        """Return one message as it is stored, unread as before; None when it is gone."""
        rows = self._answer("FETCH", str(uid), "(UID BODY.PEEK[])")
        return next((bytes(row[1]) for row in rows if isinstance(row, tuple) and len(row) == 2), None)

    def move(self, uids: Sequence[int]) -> None:
        """Move messages to the folder for taken ones; raises PullFault MOVE when the server has no safe way."""
        target = _quoted(self._place.move_to)
        able = set(_words(self._ask("capability")[1]).upper().split())  # more than before signing in
        if not able & {"MOVE", "UIDPLUS", "IMAP4REV2"}:
            raise PullFault(Trouble.MOVE, "the server offers neither MOVE nor UIDPLUS")
        for start in range(0, len(uids), _SIZES_AT_ONCE):
            chosen = ",".join(map(str, uids[start : start + _SIZES_AT_ONCE]))
            self._move("MOVE" if able & {"MOVE", "IMAP4REV2"} else "COPY", chosen, target)
            if not able & {"MOVE", "IMAP4REV2"}:
                self._answer("STORE", chosen, "+FLAGS.SILENT", r"(\Deleted)")
                self._answer("EXPUNGE", chosen)

    def _move(self, command: str, chosen: str, target: str) -> None:
        kind, data = self._ask("uid", command, chosen, target)
        if kind != "OK":
            raise PullFault(Trouble.MOVE, _words(data))

    def has(self, folder: str) -> bool:
        """True when the account has a folder of this name."""
        kind, data = self._ask("list", '""', _quoted(folder))
        return kind == "OK" and any(data)


@contextmanager
def open_folder(place: Place) -> Iterator[Folder]:
    """Sign in and open the folder, for reading alone unless messages are to be moved; raises PullFault."""
    address = _address(place)
    with _told(Trouble.UNREACHABLE, Trouble.UNREACHABLE, Trouble.PROTOCOL):
        connection = _connected(address, place)
    try:
        with _told():
            _sign_in(connection, place)
        yield Folder(connection, place)
    finally:
        _leave(connection)


@contextmanager
def _told(
    late: Trouble = Trouble.SLOW, broken: Trouble = Trouble.BROKEN, senseless: Trouble = Trouble.BROKEN
) -> Iterator[None]:
    """Turn what sockets, TLS and imaplib raise into PullFault."""
    try:
        yield
    except TimeoutError as error:
        raise PullFault(late) from error
    except ssl.SSLCertVerificationError as error:
        raise PullFault(Trouble.CERTIFICATE, error.verify_message.rstrip(".")) from error
    except ssl.SSLError as error:
        raise PullFault(Trouble.TLS, error.reason or str(error)) from error
    except OSError as error:
        raise PullFault(broken, error.strerror or str(error)) from error
    except imaplib.IMAP4.error as error:
        raise PullFault(senseless, _plain(str(error))) from error
    except (ValueError, LookupError, RecursionError, AttributeError) as error:
        # what imaplib makes of an answer that is none
        raise PullFault(senseless, _plain(str(error))) from error


def _leave(connection: _Connection) -> None:
    with suppress(OSError, imaplib.IMAP4.error, ValueError, LookupError):
        connection.begin(2.0)
        connection.logout()


def _address(place: Place) -> str:
    async def look() -> tuple[str, str]:
        return await allowed_address(place.host, place.port, default_resolver())

    address, refused = asyncio.run(look())
    if refused:
        raise PullFault(Trouble.ADDRESS, refused)
    return address


def _connected(address: str, place: Place) -> _Connection:
    file = settings.MAILADMIN.ca_file
    context = ssl.create_default_context(cafile=str(file) if file else None)
    connection = _Connection(address, place, context)
    if place.starttls:
        try:
            if "STARTTLS" not in connection.capabilities:
                raise PullFault(Trouble.STARTTLS)
            connection.begin(SECONDS)
            connection.starttls(context)
        except BaseException:
            connection.shutdown()
            raise
    return connection


def _sign_in(connection: _Connection, place: Place) -> None:
    """Sign in by PLAIN (RFC 4616) where it is offered, else by LOGIN."""
    connection.begin(SECONDS)
    plain = "AUTH=PLAIN" in connection.capabilities
    if not plain and not (place.user + place.password).isascii():
        raise PullFault(Trouble.CREDENTIALS, "the server takes ASCII alone")
    octets = f"\0{place.user}\0{place.password}".encode()
    try:
        if plain:
            connection.authenticate("PLAIN", lambda _challenge: octets)
        else:
            connection.login(_escaped(place.user), place.password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise PullFault(Trouble.CREDENTIALS, _plain(str(error))) from error


def _escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted(folder: str) -> str:
    """Return a folder's name as a quoted string in modified UTF-7 (RFC 3501 section 5.1.3)."""
    pieces: list[str] = []
    for run in re.findall(r"[ -~]+|[^ -~]+", folder):
        if run[0] < " " or run[0] > "~":
            text = base64.b64encode(run.encode("utf-16-be", "surrogatepass")).decode().rstrip("=").replace("/", ",")
            pieces.append(f"&{text}-")
        else:
            pieces.append(run.replace("&", "&-"))
    return _escaped("".join(pieces))


def _words(data: Sequence[Any]) -> str:
    """Return the server's own words of a refusal."""
    return _plain(" ".join(item.decode("utf-8", "replace") for item in data if isinstance(item, bytes)))


def _plain(text: str) -> str:
    text = text.removeprefix("b'").removesuffix("'")
    return "".join(c if c.isprintable() else " " for c in _REASON.sub("", text))[:_SHOWN].strip()
