"""Parameters of MAIL and RCPT: SIZE, BODY, SMTPUTF8, AUTH, REQUIRETLS, and those of DSN.

RFC 1870, RFC 6152, RFC 6531, RFC 4954 section 5, RFC 8689 section 2, RFC 3461 section 4. What is not offered is 555,
what is malformed 501; both name the parameter.
"""

import re
from collections.abc import Mapping

from mailboxes.smtp.grammar import PathArgument, SyntaxFault

USUAL = frozenset({"SIZE", "BODY", "SMTPUTF8"})
MX_MAIL = USUAL | {"RET", "ENVID"}
MX_RCPT = frozenset({"NOTIFY", "ORCPT"})
ENVID_CHARACTERS = 100
ORCPT_CHARACTERS = 500
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_TYPE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\Z")
_NOTICES = frozenset({"SUCCESS", "FAILURE", "DELAY"})


def check_mail_parameters(path: PathArgument, *, extended: bool, authentication: bool, tls: bool) -> int | None:
    """Return the size declared, None without one; raises SyntaxFault for anything that may not stand after MAIL."""
    parameters = path.parameters
    if parameters and not extended:
        raise SyntaxFault("Parameters need EHLO")
    known = USUAL | {"AUTH"} if authentication else MX_MAIL | ({"REQUIRETLS"} if tls else set())
    _refuse_unknown(parameters, known)
    for name in ("SMTPUTF8", "REQUIRETLS"):
        if parameters.get(name):
            raise SyntaxFault(f"{name} takes no value")
    if parameters.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
        raise SyntaxFault("BODY is 7BIT or 8BITMIME")
    if parameters.get("RET", "HDRS").upper() not in ("FULL", "HDRS"):
        raise SyntaxFault("RET is FULL or HDRS")
    _check_xtext("ENVID", parameters.get("ENVID"), ENVID_CHARACTERS)
    if not path.ascii and "SMTPUTF8" not in parameters:
        raise SyntaxFault("The address needs SMTPUTF8", 550, "5.6.7")
    size = parameters.get("SIZE")
    if size is not None and not (size.isascii() and size.isdigit() and len(size) <= 20):
        raise SyntaxFault("SIZE needs a number")
    return int(size) if size is not None else None


def check_recipient_parameters(parameters: Mapping[str, str], *, extended: bool, authentication: bool) -> None:
    """Raise SyntaxFault for anything that may not stand after RCPT (RFC 3461 sections 4.1 and 4.2)."""
    if parameters and not extended:
        raise SyntaxFault("Parameters need EHLO")
    _refuse_unknown(parameters, frozenset() if authentication else MX_RCPT)
    if "NOTIFY" in parameters:
        notices = parameters["NOTIFY"].upper().split(",")
        if notices != ["NEVER"] and (not _NOTICES.issuperset(notices) or len(set(notices)) < len(notices)):
            raise SyntaxFault("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY")
    if "ORCPT" in parameters:
        kind, separator, address = parameters["ORCPT"].partition(";")
        if not separator or not _TYPE.match(kind) or not address:
            raise SyntaxFault("ORCPT is a type, a semicolon and an address")
        _check_xtext("ORCPT", address, ORCPT_CHARACTERS)


def _refuse_unknown(parameters: Mapping[str, str], known: frozenset[str] | set[str]) -> None:
    if unknown := parameters.keys() - known:
        raise SyntaxFault(f"Parameter {min(unknown)} is not offered", 555, "5.5.4")


def _check_xtext(name: str, value: str | None, most: int) -> None:
    """Raise SyntaxFault unless the value is xtext (RFC 3461 section 4); addresses of RFC 6533 may hold UTF-8."""
    if value is None:
        return
    ascii_part = "".join(sign for sign in value if sign.isascii())
    if not value or len(value) > most or not _XTEXT.match(ascii_part):
        raise SyntaxFault(f"{name} is not encoded as it must be (xtext, at most {most} characters)")


def decode_xtext(value: str) -> str:
    """Return what an xtext stands for; control characters become blanks, for it may come to stand in a header."""
    text = _HEX.sub(lambda match: chr(int(match[1], 16)), value)
    return "".join(sign if sign.isprintable() else " " for sign in text)
