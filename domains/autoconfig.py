"""What mail programs ask to set themselves up, and the answers: Thunderbird, Outlook, Apple. Pure.

Thunderbird's file has place-holders instead of the address, Outlook's and Apple's repeat the address asked for,
escaped; nothing here knows whether a mailbox exists, and no answer differs by it. Who has an address in an alias
domain signs in with the same address in its target.
"""

import plistlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from domains.names import DomainName

THUNDERBIRD_PATHS = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
OUTLOOK_PATH = "/autodiscover/autodiscover.xml"
OUTLOOK_JSON_PATH = "/autodiscover/autodiscover.json"
APPLE_PATH = "/mail/profile.mobileconfig"
REQUEST_OCTETS = 16 * 1024
OUTLOOK_ANSWER = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
OUTLOOK_FRAME = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_FRAME_NAMES: Any = {None: OUTLOOK_FRAME}  # the stubs do not know the name-less prefix
_ANSWER_NAMES: Any = {None: OUTLOOK_ANSWER}
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$&'*+=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$&'*+=?^_`{|}~-]+)*")
_LOCAL_OCTETS = 64
_INCOMING = {"imap": "IMAP", "pop3": "POP3"}


class BadRequest(ValueError):
    """The program's question cannot be read; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """One way in or out: ``protocol`` is imap, pop3 or smtp; ``tls`` from the first octet, else by STARTTLS."""

    protocol: str
    host: str
    port: int
    tls: bool


def parse_address(text: str) -> tuple[str, str]:
    """Return local part as written and domain in A-labels of an address that could be ours; raises BadRequest."""
    local_part, _, domain = text.strip().rpartition("@")
    if not _LOCAL_PART.fullmatch(local_part) or len(local_part) > _LOCAL_OCTETS:
        raise BadRequest("this is no mail address")
    try:
        return local_part, DomainName(domain).ascii
    except ValueError as error:
        raise BadRequest("this is no mail address") from error


def thunderbird_text(domain: str, servers: Sequence[MailServer], home: str) -> bytes:
    """Return the file of Thunderbird's autoconfiguration, version 1.1; people sign in with addresses in ``home``."""
    username = "%EMAILADDRESS%" if home == domain else f"%EMAILLOCALPART%@{home}"
    root = etree.Element("clientConfig", version="1.1")
    provider = etree.SubElement(root, "emailProvider", id=domain)
    _leaf(provider, "domain", domain)
    _leaf(provider, "displayName", domain)
    _leaf(provider, "displayShortName", domain)
    for server in servers:
        kind = "outgoingServer" if server.protocol == "smtp" else "incomingServer"
        node = etree.SubElement(provider, kind, type=server.protocol)
        _leaf(node, "hostname", server.host)
        _leaf(node, "port", str(server.port))
        _leaf(node, "socketType", "SSL" if server.tls else "STARTTLS")
        _leaf(node, "authentication", "password-cleartext")
        _leaf(node, "username", username)
    return _document(root)


def parse_outlook_request(octets: bytes) -> str:
    """Return the address of an Autodiscover request (plain old XML); raises BadRequest."""
    if len(octets) > REQUEST_OCTETS:
        raise BadRequest("the request is too large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        raise BadRequest("the request is not XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadRequest("the request has a document type")
    found = [node.text or "" for node in root.iter("{*}EMailAddress")]
    if len(found) != 1:
        raise BadRequest("the request names no address")
    return found[0]


def outlook_text(login: str, servers: Sequence[MailServer]) -> bytes:
    """Return the Autodiscover answer for who signs in so: the first server of each protocol."""
    root = etree.Element(f"{{{OUTLOOK_FRAME}}}Autodiscover", nsmap=_FRAME_NAMES)
    response = etree.SubElement(root, f"{{{OUTLOOK_ANSWER}}}Response", nsmap=_ANSWER_NAMES)
    account = _branch(response, "Account")
    _outlook_leaf(account, "AccountType", "email")
    _outlook_leaf(account, "Action", "settings")
    for protocol in ("imap", "pop3", "smtp"):
        server = next((row for row in servers if row.protocol == protocol), None)
        if server is not None:
            _outlook_server(_branch(account, "Protocol"), server, login)
    return _document(root)


def _outlook_server(node: etree._Element, server: MailServer, login: str) -> None:
    _outlook_leaf(node, "Type", server.protocol.upper())
    _outlook_leaf(node, "Server", server.host)
    _outlook_leaf(node, "Port", str(server.port))
    _outlook_leaf(node, "LoginName", login)
    _outlook_leaf(node, "SPA", "off")
    _outlook_leaf(node, "SSL", "on")
    _outlook_leaf(node, "Encryption", "SSL" if server.tls else "TLS")
    _outlook_leaf(node, "AuthRequired", "on")


def _branch(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{OUTLOOK_ANSWER}}}{name}")


def _outlook_leaf(parent: etree._Element, name: str, text: str) -> None:
    _branch(parent, name).text = text


def _leaf(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _document(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def apple_profile(address: str, servers: Sequence[MailServer], login: str) -> bytes:
    """Return the configuration profile for an address, unsigned; empty without a server for either way.

    Its identifiers are drawn from the address, so that a second profile replaces the first.
    """
    incoming = next((row for row in servers if row.protocol in _INCOMING), None)
    outgoing = next((row for row in servers if row.protocol == "smtp"), None)
    if incoming is None or outgoing is None:
        return b""
    identity = ".".join(reversed(address.rpartition("@")[2].split("."))) + ".mail"
    account = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identity}.account",
        "PayloadUUID": str(uuid5(NAMESPACE_URL, f"mailto:{address}#account")).upper(),
        "PayloadDisplayName": address,
        "EmailAccountType": f"EmailType{'POP' if incoming.protocol == 'pop3' else 'IMAP'}",
        "EmailAccountDescription": address,
        "EmailAddress": address,
        **_apple_server("Incoming", incoming, login),
        **_apple_server("Outgoing", outgoing, login),
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identity,
        "PayloadUUID": str(uuid5(NAMESPACE_URL, f"mailto:{address}")).upper(),
        "PayloadDisplayName": address,
        "PayloadContent": [account],
    }
    return plistlib.dumps(profile)


def _apple_server(way: str, server: MailServer, login: str) -> dict[str, object]:
    return {
        f"{way}MailServerAuthentication": "EmailAuthPassword",
        f"{way}MailServerHostName": server.host,
        f"{way}MailServerPortNumber": server.port,
        f"{way}MailServerUseSSL": True,
        f"{way}MailServerUsername": login,
    }
