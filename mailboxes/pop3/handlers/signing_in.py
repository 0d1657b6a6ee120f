"""Commands before a sign-in: USER and PASS, AUTH (RFC 5034), UTF8 (RFC 6856); passwords only under TLS."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mailboxes.pop3.commands import Command
from mailboxes.pop3.handlers.context import Context
from mailboxes.pop3.port import Contents, InUse, Maildrop
from mailboxes.pop3.session import Reply, refusal
from mailboxes.scram import ScramFault
from mailboxes.smtp.sasl_exchange import (
    MECHANISMS,
    Credentials,
    SaslFault,
    ask_octets,
    parse_plain,
    read_credentials,
    read_first,
)

if TYPE_CHECKING:
    from mailboxes.services.authenticate import Authenticated, Denied

RETRY_SECONDS = (0.1, 0.4, 1.0)  # for a client that was cut off and is back before its old session has ended
IN_THE_CLEAR = "Say STLS first: passwords need encryption"


def account_maildrop(account_id: int, session: str) -> Maildrop:
    """Return the account's maildrop for a session."""
    from mailboxes.store.maildrop import AccountMaildrop

    return AccountMaildrop(account_id, session)


open_maildrop: Callable[[int, str], Maildrop] = account_maildrop


async def scram_offered(binding: bytes | None) -> tuple[str, ...]:
    """Return the SCRAM mechanisms to offer on a connection under TLS."""
    from mailboxes.services.scram_sign_in import scram_offered as offered

    return await offered(binding)


async def utf8(context: Context, command: Command) -> Reply:
    """UTF8: messages are sent as they are in either mode, so nothing but the answer changes."""
    context.session.utf8 = True
    return Reply("UTF-8 it is")


async def user(context: Context, command: Command) -> Reply:
    """USER: the same answer for every name."""
    if not context.session.tls:
        return refusal(IN_THE_CLEAR)
    context.session.user = command.words[0]
    return Reply("Now the password")


async def password(context: Context, command: Command) -> Reply:
    """PASS, behind USER."""
    name, context.session.user = context.session.user, b""
    if not context.session.tls:
        return refusal(IN_THE_CLEAR)
    if not name:
        return refusal("Say USER first")
    try:
        credentials = parse_plain(b"\0" + name + b"\0" + command.words[0])
    except SaslFault as fault:
        return refusal(str(fault), "AUTH", closes=context.count_failure())
    return await _sign_in(context, credentials)


async def authenticate(context: Context, command: Command) -> Reply:
    """AUTH PLAIN, AUTH LOGIN and SCRAM (RFC 5802, 7677), with or without an initial response."""
    if not context.session.tls:
        return refusal(IN_THE_CLEAR)
    mechanism = command.words[0].decode("ascii", "replace").upper()
    initial = command.words[1] if len(command.words) > 1 else None
    try:
        if mechanism in MECHANISMS:
            return await _sign_in(context, await read_credentials(mechanism, initial, context.ask))
        if mechanism in context.session.scram:
            return await _by_scram(context, mechanism, await read_first(initial, context.ask))
    except SaslFault as fault:
        return refusal(str(fault), closes=context.count_failure())
    return refusal("This mechanism is not offered")


async def _by_scram(context: Context, mechanism: str, first: bytes) -> Reply:
    """Run the rest of a SCRAM exchange."""
    from mailboxes.services.scram_sign_in import sign_in_by_scram

    binding, ask = context.session.channel_binding, partial(ask_octets, context.ask)
    try:
        answer = await sign_in_by_scram("pop3", context.client_address, mechanism, binding, first, ask)
    except ScramFault as fault:
        return refusal(str(fault), "AUTH", closes=context.count_failure())
    return await _entered(context, answer)


async def _sign_in(context: Context, credentials: Credentials) -> Reply:
    """Ask the one check for every door."""
    from mailboxes.services.authenticate import authenticate

    answer = await authenticate("pop3", context.client_address, credentials.username, credentials.password)
    return await _entered(context, answer)


async def _entered(context: Context, answer: "Authenticated | Denied") -> Reply:
    """Take the maildrop, or say why not."""
    from mailboxes.services.authenticate import Authenticated, is_still_valid

    if not isinstance(answer, Authenticated):
        code = "SYS/TEMP" if answer.temporary else "AUTH"
        return refusal(answer.text, code, closes=context.count_failure())
    maildrop = open_maildrop(answer.account_id, context.id)
    try:
        contents = await _take(maildrop)
    except InUse:
        return refusal("Another session has the maildrop", "IN-USE")
    context.session.open(maildrop, contents)
    context.signed_in(partial(is_still_valid, answer.account_id, answer.version, answer.app_password_id))
    return Reply(f"{len(contents.uids)} messages")


async def _take(maildrop: Maildrop) -> Contents:
    """Take the maildrop, with a little patience; raises InUse."""
    for seconds in RETRY_SECONDS:
        try:
            return await maildrop.open()
        except InUse:
            await asyncio.sleep(seconds)
    return await maildrop.open()
