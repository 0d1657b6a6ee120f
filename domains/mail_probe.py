"""Connects to a mail server as a program would, without credentials: greeting, TLS, certificate, capabilities.

Only addresses that ``domains.reach`` allows; the certificate is verified for the name asked for, against
MAILADMIN_CA_FILE or the system's store. Every wait has a deadline, every line a bound.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from django.conf import settings
from django.utils.translation import gettext as _

from domains.client_settings import Security
from domains.dns.port import Resolver
from domains.reach import refuse_address

SECONDS = 10.0
_LINE_OCTETS = 8192
_LINES = 100
_ADDRESSES = 4
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Probed:
    """What a server did. ``fault`` empty: a program could sign in here; else one plain sentence.

    ``names`` are those of its certificate, also of one that does not verify.
    """

    address: str = ""
    fault: str = ""
    greeting: str = ""
    tls_version: str = ""
    names: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


class _Broken(Exception):
    """The dialogue went wrong; ``str()`` is one plain sentence."""


class _Dialogue:
    """Lines in both directions."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> str:
        """Return the next line; raises _Broken."""
        try:
            octets = await self.reader.readline()
        except ValueError as error:
            raise _Broken(_("The server sent a line without end.")) from error
        if not octets:
            raise _Broken(_("The server closed the connection."))
        return octets.decode("utf-8", "replace").rstrip("\r\n")

    async def say(self, text: str) -> None:
        """Send a line."""
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()


def _context(verified: bool) -> ssl.SSLContext:
    file = settings.MAILADMIN.ca_file
    context = ssl.create_default_context(cafile=str(file) if file else None)
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def probe(host: str, port: int, protocol: str, security: Security, resolver: Resolver) -> Probed:
    """Return what the server did; never raises for a remote fault."""
    address, refused = await allowed_address(host, port, resolver)
    if refused:
        return Probed(address, refused)
    try:
        async with asyncio.timeout(SECONDS):
            return await _talk(address, host, port, protocol, security, True)
    except ssl.SSLCertVerificationError as error:
        names = await certificate_names(host, address, port, protocol, security)
        said = _("The certificate does not verify: %(reason)s.") % {"reason": error.verify_message.rstrip(".")}
        return Probed(address, said, names=names)
    except TimeoutError:
        return Probed(address, _("There was no complete answer within %(seconds)d seconds.") % {"seconds": SECONDS})
    except ssl.SSLError as error:
        return Probed(address, _("TLS failed: %(reason)s.") % {"reason": error.reason or error})
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return Probed(
            address,
            _("%(address)s port %(port)d: %(reason)s.") % {"address": address, "port": port, "reason": reason},
        )
    except _Broken as error:
        return Probed(address, str(error))


async def certificate_names(
    host: str, address: str, port: int, protocol: str = "https", security: Security = Security.TLS
) -> tuple[str, ...]:
    """Return the names of the certificate that is shown for a host, trusted or not; none when none is shown."""
    if refuse_address(address, port, frozenset(), settings.MAILADMIN.private_networks):
        return ()
    with suppress(OSError, TimeoutError, _Broken):
        async with asyncio.timeout(SECONDS):
            return (await _talk(address, host, port, protocol, security, False)).names
    return ()


async def allowed_address(host: str, port: int, resolver: Resolver) -> tuple[str, str]:
    """Return an allowed address of a host, and else why there is none."""
    with suppress(ValueError):
        address = str(ip_address(host))
        refused = refuse_address(address, port, frozenset(), settings.MAILADMIN.private_networks)
        return ("" if refused else address), refused
    answers = [await resolver.lookup(host, rdtype) for rdtype in ("A", "AAAA")]
    refused = _("%(host)s has no address.") % {"host": host}
    if not any(answer.found for answer in answers) and not all(answer.absent for answer in answers):
        refused = _("The DNS gave no address of %(host)s.") % {"host": host}
    for address in [text for answer in answers if answer.found for text in answer.records][:_ADDRESSES]:
        refused = refuse_address(address, port, frozenset(), settings.MAILADMIN.private_networks)
        if not refused:
            return address, ""
    return "", refused


@asynccontextmanager
async def _connected(address: str, port: int, context: ssl.SSLContext | None, host: str) -> AsyncIterator[_Dialogue]:
    reader, writer = await asyncio.open_connection(
        address, port, limit=_LINE_OCTETS, ssl=context, server_hostname=host if context else None
    )
    try:
        yield _Dialogue(reader, writer)
    finally:
        writer.transport.abort()


async def _talk(address: str, host: str, port: int, protocol: str, security: Security, verified: bool) -> Probed:
    context = _context(verified) if security is Security.TLS else None
    async with _connected(address, port, context, host) as dialogue:
        if protocol == "https":
            return Probed(address, names=_names(dialogue))
        greeting = await _greeting(dialogue, protocol)
        if security is Security.STARTTLS:
            await _begin_tls(dialogue, protocol)
            await dialogue.writer.start_tls(_context(verified), server_hostname=host)
        capabilities = await _capabilities(dialogue, protocol)
        await dialogue.say({"imap": "z LOGOUT"}.get(protocol, "QUIT"))
        tls = dialogue.writer.get_extra_info("ssl_object")
        version = str(tls.version() or "") if tls is not None else ""
        return Probed(address, "", greeting[:_SHOWN], version, _names(dialogue), capabilities)


def _names(dialogue: _Dialogue) -> tuple[str, ...]:
    """Return the names of the peer's certificate, its common name when it has no others."""
    tls = dialogue.writer.get_extra_info("ssl_object")
    octets = tls.getpeercert(binary_form=True) if tls is not None else None
    if not octets:
        return ()
    try:
        certificate = x509.load_der_x509_certificate(octets)
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = [str(row.value) for row in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except ValueError:
        return ()
    return tuple(name[:_SHOWN] for name in names[:10])


# ---- Three protocols --------------------------------------------------------------------------------------------


async def _greeting(dialogue: _Dialogue, protocol: str) -> str:
    if protocol == "smtp":
        lines = await _smtp(dialogue, "220")
        return lines[-1]
    line = await dialogue.line()
    if not line.startswith("* OK" if protocol == "imap" else "+OK"):
        said = _("The server does not greet as %(protocol)s does: %(line)s")
        raise _Broken(said % {"protocol": protocol.upper(), "line": line[:_SHOWN]})
    return line


async def _smtp(dialogue: _Dialogue, code: str) -> list[str]:
    """Return the texts of one reply; raises _Broken for another code."""
    lines: list[str] = []
    for _number in range(_LINES):
        line = await dialogue.line()
        if not line.startswith(code):
            raise _Broken(_("The server answers: %(line)s") % {"line": line[:_SHOWN]})
        lines.append(line[4:])
        if line[3:4] != "-":
            return lines
    raise _Broken(_("The server's answer has no end."))


def _refused(command: str, line: str) -> _Broken:
    return _Broken(_("%(command)s is answered: %(line)s") % {"command": command, "line": line[:_SHOWN]})


async def _imap(dialogue: _Dialogue, tag: str, command: str) -> list[str]:
    """Send a command and return what came before its OK; raises _Broken."""
    await dialogue.say(f"{tag} {command}")
    lines: list[str] = []
    for _number in range(_LINES):
        line = await dialogue.line()
        if line.startswith(f"{tag} "):
            if not line.upper().startswith(f"{tag.upper()} OK"):
                raise _refused(command, line)
            return lines
        lines.append(line)
    raise _Broken(_("The server's answer has no end."))


async def _pop3(dialogue: _Dialogue, command: str, several: bool = False) -> list[str]:
    await dialogue.say(command)
    line = await dialogue.line()
    if not line.startswith("+OK"):
        raise _refused(command, line)
    lines: list[str] = []
    while several:
        line = await dialogue.line()
        if line == ".":
            break
        lines.append(line)
        if len(lines) > _LINES:
            raise _Broken(_("The server's answer has no end."))
    return lines


async def _begin_tls(dialogue: _Dialogue, protocol: str) -> None:
    if protocol == "imap":
        await _imap(dialogue, "a", "STARTTLS")
    elif protocol == "pop3":
        await _pop3(dialogue, "STLS")
    else:
        await dialogue.say(f"EHLO {settings.MAILADMIN.hostname}")
        await _smtp(dialogue, "250")
        await dialogue.say("STARTTLS")
        await _smtp(dialogue, "220")


async def _capabilities(dialogue: _Dialogue, protocol: str) -> tuple[str, ...]:
    if protocol == "imap":
        lines = await _imap(dialogue, "b", "CAPABILITY")
        found = next((line.split()[2:] for line in lines if line.upper().startswith("* CAPABILITY ")), [])
    elif protocol == "pop3":
        found = await _pop3(dialogue, "CAPA", several=True)
    else:
        await dialogue.say(f"EHLO {settings.MAILADMIN.hostname}")
        found = (await _smtp(dialogue, "250"))[1:]
    return tuple(word[:_SHOWN] for word in found[:60])
