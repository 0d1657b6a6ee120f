"""Arguments of MAIL, RCPT, EHLO and AUTH (RFC 5321 §4.1.2, RFC 6531 §3.3, RFC 1870, RFC 6152).

Angle brackets are required, source routes are dropped, nothing with a control character gets through.
"""

import re
from dataclasses import dataclass

PATH_OCTETS = 254
LOCAL_OCTETS = 64
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]"
_LABEL = r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\u0080-\U0010ffff-]*[A-Za-z0-9_\u0080-\U0010ffff])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[[\x21-\x5a\x5e-\x7e]{1,100}\]"
_LOCAL = rf'(?:{_ATEXT}+(?:\.{_ATEXT}+)*|"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x20-\x7e])*")'
_ROUTE = rf"@{_DOMAIN}(?:,@{_DOMAIN})*:"
_PATH = re.compile(rf"<(?:{_ROUTE})?(?:(?P<local>{_LOCAL})(?:@(?P<domain>{_DOMAIN}|{_LITERAL}))?)?>")
_PARAMETER = re.compile(
    r"(?P<keyword>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[\x21-\x3c\x3e-\x7e\u0080-\U0010ffff]+))?"
)
_HELO = re.compile(rf"(?:{_DOMAIN}\.?|{_LITERAL})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class SyntaxFault(ValueError):
    """The argument is not what the grammar allows; ``str()`` is one public sentence."""

    def __init__(self, text: str, code: int = 501, enhanced: str = "5.5.4") -> None:
        super().__init__(text)
        self.code = code
        self.enhanced = enhanced


@dataclass(frozen=True, slots=True)
class PathArgument:
    """``address`` without angle brackets and source route, empty for the null path; parameters by upper-case name."""

    address: str
    parameters: dict[str, str]

    @property
    def ascii(self) -> bool:
        """True when the address needs no SMTPUTF8."""
        return self.address.isascii()


def decode_argument(octets: bytes) -> str:
    """Return the argument as text; raises SyntaxFault for octets that are not UTF-8 and for control characters."""
    try:
        text = octets.decode("ascii" if octets.isascii() else "utf-8")
    except UnicodeDecodeError:
        raise SyntaxFault("The line is not UTF-8", 500, "5.5.2") from None
    if _CONTROL.search(text):
        raise SyntaxFault("The line holds control characters", 500, "5.5.2")
    return text


def parse_path_argument(keyword: str, argument: str) -> PathArgument:
    """``FROM:<reverse-path> [parameters]`` or ``TO:<forward-path> [parameters]``; raises SyntaxFault.

    A forward path without domain is left to the caller (``<postmaster>``); spaces after the colon are forgiven.
    """
    if argument[: len(keyword)].upper() != keyword:
        raise SyntaxFault(f"Syntax: {keyword}<address>")
    rest = argument[len(keyword) :].lstrip(" ")
    enhanced = "5.1.7" if keyword == "FROM:" else "5.1.3"
    if len(rest) > 2 * PATH_OCTETS + 1500:
        raise SyntaxFault("The line is too long", 500, "5.5.2")
    match = _PATH.match(rest)
    if match is None:
        raise SyntaxFault("The address is not valid; it must stand in angle brackets", 501, enhanced)
    local, domain = match["local"] or "", match["domain"] or ""
    address = f"{local}@{domain}" if domain else local
    if len(local.encode()) > LOCAL_OCTETS or len(address.encode()) > PATH_OCTETS or len(domain) > 253:
        raise SyntaxFault("The address is too long", 501, enhanced)
    return PathArgument(address, parse_parameters(rest[match.end() :]))


def parse_parameters(text: str) -> dict[str, str]:
    """``SP keyword[=value]`` repeated; raises SyntaxFault on anything else and on a keyword given twice."""
    parameters: dict[str, str] = {}
    if not text:
        return parameters
    if text[0] != " ":
        raise SyntaxFault("A space must follow the address")
    for word in text.split(" "):
        if not word:
            continue
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise SyntaxFault("A parameter is not valid")
        keyword = match["keyword"].upper()
        if keyword in parameters:
            raise SyntaxFault(f"Parameter {keyword} is given twice")
        parameters[keyword] = match["value"] or ""
    return parameters


def valid_helo_name(name: str) -> bool:
    """True for a domain or an address literal of at most 255 characters."""
    return len(name) <= 255 and _HELO.fullmatch(name) is not None
