"""What mail programs make of the files and records by which they set themselves up. Pure, bounded.

The other side of ``domains.autoconfig``: that writes the answers, this reads anybody's as the programs do.
"""

import json
import plistlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from xml.parsers.expat import ExpatError

from lxml import etree

from domains.autoconfig import OUTLOOK_ANSWER

REQUEST_NAMESPACE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
MAXIMUM_OCTETS = 64 * 1024
MAXIMUM_SERVERS = 10
INCOMING = ("imap", "pop3")
Protocol = Literal["imap", "pop3", "smtp"]
_PROTOCOLS: dict[str, Protocol] = {"imap": "imap", "pop3": "pop3", "smtp": "smtp"}
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]{1,63}\.?")
_PLIST = re.compile(rb"<\?xml.*?</plist>", re.DOTALL)


class Security(StrEnum):
    """How a connection is protected."""

    TLS = "tls"  # from the first octet
    STARTTLS = "starttls"
    PLAIN = "plain"


class Fault(StrEnum):
    """Why a file cannot be used; the sentences are the panel's."""

    TOO_LARGE = "too-large"
    NOT_XML = "not-xml"
    DOCUMENT_TYPE = "document-type"
    NOT_THUNDERBIRD = "not-thunderbird"
    NOT_OUTLOOK = "not-outlook"
    SAYS = "says"  # the server's own error; ``detail`` is its text
    NO_ACCOUNT = "no-account"
    NOT_JSON = "not-json"
    NO_PLACE = "no-place"
    NOT_PROFILE = "not-profile"
    NOT_SRV = "not-srv"


class Unreadable(ValueError):
    """The file cannot be used."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(detail or fault.value)
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Setting:
    """One server that a program would use: ``protocol`` is imap, pop3 or smtp."""

    protocol: Protocol
    host: str
    port: int
    security: Security
    username: str = ""

    @property
    def incoming(self) -> bool:
        """True for a server of mailboxes."""
        return self.protocol in INCOMING


@dataclass(frozen=True, slots=True)
class OutlookAnswer:
    """What Outlook reads: servers, or where it is sent on."""

    settings: tuple[Setting, ...] = ()
    redirect_url: str = ""
    redirect_address: str = ""


def _parsed(octets: bytes) -> etree._Element:
    if len(octets) > MAXIMUM_OCTETS:
        raise Unreadable(Fault.TOO_LARGE)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(Fault.NOT_XML) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable(Fault.DOCUMENT_TYPE)
    return root


def _text(node: etree._Element, name: str) -> str:
    return (node.findtext(f"{{*}}{name}") or "").strip()


def _setting(protocol: Protocol, host: str, port: str, security: Security, username: str) -> Setting | None:
    """Return a setting, None when it could not be connected to."""
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0
    if not 0 < number < 65536 or not _HOST.fullmatch(host):
        return None
    return Setting(protocol, host.lower().removesuffix("."), number, security, username[:320])


# ---- Thunderbird ------------------------------------------------------------------------------------------------

_SOCKETS = {"SSL": Security.TLS, "STARTTLS": Security.STARTTLS, "plain": Security.PLAIN}


def read_thunderbird(octets: bytes, address: str) -> list[Setting]:
    """Return the servers of Thunderbird's file, its place-holders filled; raises Unreadable."""
    root = _parsed(octets)
    if etree.QName(root).localname != "clientConfig":
        raise Unreadable(Fault.NOT_THUNDERBIRD)
    local_part, _, domain = address.rpartition("@")
    places = {"%EMAILADDRESS%": address, "%EMAILLOCALPART%": local_part, "%EMAILDOMAIN%": domain}
    found: list[Setting] = []
    for node in root.iterfind("{*}emailProvider/*"):
        if not isinstance(node.tag, str) or etree.QName(node).localname not in ("incomingServer", "outgoingServer"):
            continue
        values = [_text(node, name) for name in ("hostname", "port", "username")]
        for place, value in places.items():
            values = [text.replace(place, value) for text in values]
        security = _SOCKETS.get(_text(node, "socketType"))
        protocol = _PROTOCOLS.get((node.get("type") or "").lower())
        if security is not None and protocol is not None:
            setting = _setting(protocol, values[0], values[1], security, values[2])
            found += [setting] if setting else []
    return found[:MAXIMUM_SERVERS]


# ---- Outlook ----------------------------------------------------------------------------------------------------


def outlook_request(address: str) -> bytes:
    """Return what Outlook posts: the address and the kind of answer wanted."""
    root = etree.Element(f"{{{REQUEST_NAMESPACE}}}Autodiscover", nsmap={None: REQUEST_NAMESPACE})  # type: ignore[dict-item]
    request = etree.SubElement(root, f"{{{REQUEST_NAMESPACE}}}Request")
    etree.SubElement(request, f"{{{REQUEST_NAMESPACE}}}EMailAddress").text = address
    etree.SubElement(request, f"{{{REQUEST_NAMESPACE}}}AcceptableResponseSchema").text = OUTLOOK_ANSWER
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def read_outlook(octets: bytes) -> OutlookAnswer:
    """Return what an answer of Autodiscover says; raises Unreadable, with the server's own error where it has one."""
    root = _parsed(octets)
    if etree.QName(root).localname != "Autodiscover":
        raise Unreadable(Fault.NOT_OUTLOOK)
    said = root.find(".//{*}Error/{*}Message")
    if said is not None:
        raise Unreadable(Fault.SAYS, (said.text or "").strip()[:200])
    account = root.find("{*}Response/{*}Account")
    if account is None:
        raise Unreadable(Fault.NO_ACCOUNT)
    action = _text(account, "Action").lower()
    if action == "redirecturl":
        return OutlookAnswer(redirect_url=_text(account, "RedirectUrl")[:2000])
    if action == "redirectaddr":
        return OutlookAnswer(redirect_address=_text(account, "RedirectAddr")[:320])
    settings = [_outlook_setting(node) for node in account.iterfind("{*}Protocol")]
    return OutlookAnswer(tuple(setting for setting in settings if setting)[:MAXIMUM_SERVERS])


def _outlook_setting(node: etree._Element) -> Setting | None:
    protocol = _PROTOCOLS.get(_text(node, "Type").lower())
    if protocol is None:
        return None
    encryption = _text(node, "Encryption").lower()
    security = Security.STARTTLS if encryption == "tls" else Security.TLS
    if encryption in ("", "auto"):
        security = Security.PLAIN if _text(node, "SSL").lower() == "off" else Security.TLS
    elif encryption == "none":
        security = Security.PLAIN
    return _setting(protocol, _text(node, "Server"), _text(node, "Port"), security, _text(node, "LoginName"))


def read_outlook_place(octets: bytes) -> str:
    """Return the URL that the JSON answer names; raises Unreadable."""
    if len(octets) > MAXIMUM_OCTETS:
        raise Unreadable(Fault.TOO_LARGE)
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise Unreadable(Fault.NOT_JSON) from error
    url = found.get("Url") if isinstance(found, dict) else None
    if not isinstance(url, str) or not url.isprintable():
        raise Unreadable(Fault.NO_PLACE)
    return url[:2000]


# ---- Apple ------------------------------------------------------------------------------------------------------


def read_profile(octets: bytes) -> tuple[list[Setting], bool]:
    """Return the servers of a configuration profile, and whether it is wrapped in a signature; raises Unreadable.

    The signature itself is not verified: the device does that.
    """
    if len(octets) > MAXIMUM_OCTETS:
        raise Unreadable(Fault.TOO_LARGE)
    inner = _PLIST.search(octets)
    if inner is None:
        raise Unreadable(Fault.NOT_PROFILE)
    try:
        profile = plistlib.loads(inner[0], fmt=plistlib.FMT_XML)
    except (ValueError, ExpatError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise Unreadable(Fault.NOT_PROFILE) from error
    if not isinstance(profile, dict):
        raise Unreadable(Fault.NOT_PROFILE)
    contents = profile.get("PayloadContent")
    accounts = [
        row
        for row in (contents if isinstance(contents, list) else [])
        if isinstance(row, dict) and row.get("PayloadType") == "com.apple.mail.managed"
    ]
    found = [setting for row in accounts for setting in _apple_settings(row)]
    return found[:MAXIMUM_SERVERS], octets[:1] == b"\x30"


def _apple_settings(account: dict[str, object]) -> list[Setting]:
    kind: Protocol = "pop3" if account.get("EmailAccountType") == "EmailTypePOP" else "imap"
    found = []
    ways: tuple[tuple[str, Protocol], ...] = (("Incoming", kind), ("Outgoing", "smtp"))
    for way, protocol in ways:
        port = str(account.get(f"{way}MailServerPortNumber", ""))
        # The profile knows only "with TLS": the program begins as is usual at the port.
        implicit = port not in ("143", "110", "587", "25")
        security = Security.TLS if implicit else Security.STARTTLS
        if account.get(f"{way}MailServerUseSSL") is not True:
            security = Security.PLAIN
        host, user = account.get(f"{way}MailServerHostName", ""), account.get(f"{way}MailServerUsername", "")
        setting = _setting(protocol, str(host), port, security, str(user))
        found += [setting] if setting else []
    return found


# ---- SRV --------------------------------------------------------------------------------------------------------

SERVICES: dict[str, tuple[Protocol, Security]] = {
    "imaps": ("imap", Security.TLS),
    "imap": ("imap", Security.STARTTLS),
    "submissions": ("smtp", Security.TLS),
    "submission": ("smtp", Security.STARTTLS),
}


def read_srv(service: str, records: Sequence[str], address: str) -> Setting | None:
    """Return the server that SRV records offer: of lowest priority, of highest weight; None for "not offered".

    Raises Unreadable for records that are none.
    """
    rows = [record.split() for record in records]
    if not all(len(row) == 4 and all(word.isdecimal() for word in row[:3]) for row in rows):
        raise Unreadable(Fault.NOT_SRV)
    best = min(rows, key=lambda row: (int(row[0]), -int(row[1])))
    protocol, security = SERVICES[service]
    return None if best[3] == "." else _setting(protocol, best[3], best[2], security, address)
